import { segmentBytes } from "./entry-format.js";

/** Memory that native code can read while it drains: TableMemory of the binding. */
export interface ChunkMemory {
  /** Zeroed memory; chunks count from 0. */
  addChunk(sizeBytes: number): Uint8Array;
  allocateBlock(sizeBytes: number): { readonly id: number; readonly bytes: Uint8Array };
  freeBlock(id: number): void;
}

/** log2 of the segments in a chunk: 2 MiB together, a large page. */
export const chunkShift = 6;
const chunkSegments = 1 << chunkShift;
const chunkMask = chunkSegments - 1;

interface Block {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/**
 * Segments of one size and blocks for large entries, with what must be known about each segment in flat arrays. Who owns a segment
 * (the live table, a frozen layer) is not its business.
 */
export class SegmentPool {
  readonly limitSegments: number;
  readonly bytes: Uint8Array[] = [];
  readonly views: DataView[] = [];
  readonly words: Uint32Array[] = [];
  /** Entries in the segment. */
  readonly count: Uint16Array;
  /** Leading bits of a hash that all entries of the segment share. */
  readonly depth: Uint8Array;
  /** Slots - 1. */
  readonly slotMask: Uint16Array;
  /** Where free memory begins. */
  readonly top: Uint16Array;
  /** Bytes of removed and outgrown entries. */
  readonly garbage: Uint16Array;
  /** Large entries in the segment. */
  readonly blockCount: Uint16Array;
  /** The last layer in which the segment was written; 0 for none. */
  readonly dirtyLayer: Uint32Array;
  /** Place in the list of segments of that layer, while it is the current one. */
  readonly dirtyIndex: Uint32Array;
  readonly #memory: ChunkMemory;
  readonly #blocks: (Block | undefined)[] = [];
  readonly #free: number[] = [];
  #touched = 0;
  #blockBytes = 0;

  constructor(memory: ChunkMemory, limitSegments: number) {
    this.#memory = memory;
    this.limitSegments = limitSegments;
    this.count = new Uint16Array(limitSegments);
    this.depth = new Uint8Array(limitSegments);
    this.slotMask = new Uint16Array(limitSegments);
    this.top = new Uint16Array(limitSegments);
    this.garbage = new Uint16Array(limitSegments);
    this.blockCount = new Uint16Array(limitSegments);
    this.dirtyLayer = new Uint32Array(limitSegments);
    this.dirtyIndex = new Uint32Array(limitSegments);
  }

  /** Segments that are not free. */
  get usedSegments(): number {
    return this.#touched - this.#free.length;
  }

  get blockBytes(): number {
    return this.#blockBytes;
  }

  get freeSegments(): number {
    return this.limitSegments - this.usedSegments - Math.ceil(this.#blockBytes / segmentBytes);
  }

  startOf(segment: number): number {
    return (segment & chunkMask) * segmentBytes;
  }

  bytesOf(segment: number): Uint8Array {
    return this.bytes[segment >>> chunkShift] as Uint8Array;
  }

  viewOf(segment: number): DataView {
    return this.views[segment >>> chunkShift] as DataView;
  }

  /** An empty segment, or -1 where the limit is reached. Throws what the memory throws. */
  allocate(depth: number, slots: number): number {
    if (this.freeSegments <= 0) return -1;
    let segment = this.#free.pop();
    if (segment === undefined) {
      segment = this.#touched;
      if (segment >>> chunkShift === this.bytes.length) this.#addChunk();
      this.#touched += 1;
    }
    const firstWord = this.startOf(segment) >>> 2;
    const words = this.words[segment >>> chunkShift] as Uint32Array;
    words[firstWord] = slots;
    words.fill(0, firstWord + 1, firstWord + 1 + slots);
    this.count[segment] = 0;
    this.depth[segment] = depth;
    this.slotMask[segment] = slots - 1;
    this.top[segment] = 4 + 4 * slots;
    this.garbage[segment] = 0;
    this.blockCount[segment] = 0;
    this.dirtyLayer[segment] = 0;
    return segment;
  }

  /** A copy that may be written, or -1 where the limit is reached. */
  copy(segment: number): number {
    const copy = this.allocate(this.depth[segment] as number, (this.slotMask[segment] as number) + 1);
    if (copy === -1) return -1;
    const start = this.startOf(segment);
    const top = this.top[segment] as number;
    this.bytesOf(copy).set(this.bytesOf(segment).subarray(start, start + top), this.startOf(copy));
    this.count[copy] = this.count[segment] as number;
    this.top[copy] = top;
    this.garbage[copy] = this.garbage[segment] as number;
    this.blockCount[copy] = this.blockCount[segment] as number;
    return copy;
  }

  free(segment: number): void {
    this.#free.push(segment);
  }

  /** A block of so many bytes; its id. Throws what the memory throws. */
  allocateBlock(sizeBytes: number): number {
    const { id, bytes } = this.#memory.allocateBlock(sizeBytes);
    this.#blocks[id] = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
    this.#blockBytes += bytes.length;
    return id;
  }

  block(id: number): Block {
    return this.#blocks[id] as Block;
  }

  freeBlock(id: number): void {
    this.#blockBytes -= this.block(id).bytes.length;
    this.#blocks[id] = undefined;
    this.#memory.freeBlock(id);
  }

  #addChunk(): void {
    const chunk = this.#memory.addChunk(segmentBytes << chunkShift);
    this.bytes.push(chunk);
    this.views.push(new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    this.words.push(new Uint32Array(chunk.buffer, chunk.byteOffset, chunk.byteLength >>> 2));
  }
}
