import { StateError } from "../../errors/index.js";

/** Segments lie in chunks of about this size. */
const chunkTargetBytes = 1024 * 1024;
/**
 * Chunks are cut from blocks of memory, each a quarter of what there is already and at most this large: a block of several MiB can lie in
 * large pages, which cost fewer misses of the address cache. Untouched parts cost nothing on systems that page lazily.
 */
const blockMaxBytes = 64 * 1024 * 1024;

export interface SegmentStoreOptions {
  readonly segmentBytes: number;
  /** Whether a segment that is used again must be zeroed, as fresh memory is. */
  readonly areZeroed: boolean;
  /** Asked before memory is taken; throws where it would pass a limit. */
  readonly reserve: (extraBytes: number) => void;
  /** Told of segments that are free again. */
  readonly onFree?: (segment: number) => void;
}

/** log2 of the segments of a chunk. */
export function chunkShiftOf(segmentBytes: number): number {
  return Math.max(0, Math.floor(Math.log2(chunkTargetBytes / segmentBytes)));
}

/**
 * Fixed-size segments in a few large ArrayBuffers, addressed by number, with what must be known about each in flat arrays.
 *
 * Freezing is counted in epochs. A segment belongs to the freezes from its birth on until it dies (is replaced in the live table),
 * so it may be written only while no freeze holds it, and its memory is used again only when all that hold it are released.
 */
export class SegmentStore {
  // Numbers that look-ups need begin as numbers: the engine then need not ask at each use what they are.
  readonly segmentBytes: number = 0;
  /** A segment's chunk is `segment >>> chunkShift`; it begins there at `(segment & chunkMask) * segmentBytes`. */
  readonly chunkShift: number = 0;
  readonly chunkMask: number = 0;
  readonly chunks: Uint8Array[] = [];
  readonly views: DataView[] = [];
  /** Epoch in which the segment was made. */
  birth = new Uint32Array(16);
  /** Entries in the segment. */
  count = new Uint16Array(16);
  /** Leading bits of a position that all entries of the segment share. */
  depth = new Uint8Array(16);
  /** 1 + the segment where a chain goes on, 0 at its end. */
  next = new Uint32Array(16);
  /** The newest freeze that is not released; 0 when there is none. A segment born later is free to be written. */
  frozenUpTo = 0;
  epoch = 1;
  /** Epoch in which the segment left the live table; 0 while it is part of it. */
  #death = new Uint32Array(16);
  readonly #free: number[] = [];
  /** Segments that were ever used: those above are fresh, zeroed memory. */
  #touched = 0;
  readonly #outstanding: number[] = [];
  #block = new ArrayBuffer(0);
  #blockUsedBytes = 0;
  #reservedBytes = 0;
  readonly #options: SegmentStoreOptions;

  constructor(options: SegmentStoreOptions) {
    const { segmentBytes } = options;
    this.#options = options;
    this.segmentBytes = segmentBytes;
    this.chunkShift = chunkShiftOf(segmentBytes);
    this.chunkMask = (1 << this.chunkShift) - 1;
  }

  /** Segments in the live table or in a frozen part. */
  get usedSegments(): number {
    return this.#touched - this.#free.length;
  }

  get hasFreeSegment(): boolean {
    return this.#free.length > 0;
  }

  /** Memory taken from the process. */
  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  chunkOf(segment: number): Uint8Array {
    return this.chunks[segment >>> this.chunkShift] as Uint8Array;
  }

  viewOf(segment: number): DataView {
    return this.views[segment >>> this.chunkShift] as DataView;
  }

  startOf(segment: number): number {
    return (segment & this.chunkMask) * this.segmentBytes;
  }

  isShared(segment: number): boolean {
    return (this.birth[segment] as number) <= this.frozenUpTo;
  }

  /** A segment without entries. Throws NO_MEMORY; nothing has changed then. */
  allocate(depth: number): number {
    return this.#take(depth, this.#options.areZeroed);
  }

  /** A copy of a segment that may be written. Throws NO_MEMORY. */
  copy(segment: number): number {
    const copy = this.#take(this.depth[segment] as number, false);
    const start = this.startOf(segment);
    this.chunkOf(copy).set(this.chunkOf(segment).subarray(start, start + this.segmentBytes), this.startOf(copy));
    this.count[copy] = this.count[segment] as number;
    this.next[copy] = this.next[segment] as number;
    return copy;
  }

  /** The segment is no part of the live table any more. */
  retire(segment: number): void {
    this.#death[segment] = this.epoch;
    if (!this.isShared(segment)) this.#giveBack(segment);
  }

  /** Fixes the segments of the live table; they are not written until the freeze of this epoch is released. */
  freeze(): number {
    const epoch = this.epoch;
    this.#outstanding.push(epoch);
    this.frozenUpTo = epoch;
    this.epoch += 1;
    return epoch;
  }

  /** True while no other freeze can hold what the freeze of `epoch` holds. */
  isOnlyFreeze(epoch: number): boolean {
    return this.#outstanding.length === 1 && this.#outstanding[0] === epoch;
  }

  /** Ends the hold of the only freeze there is on a segment, before the rest of it is released. */
  releaseEarly(segment: number): void {
    if (this.#death[segment] === 0) this.birth[segment] = this.epoch;
    else this.#giveBack(segment);
  }

  /** Ends a freeze; `releaseSegment` has to be called for every segment it still holds. */
  endFreeze(epoch: number): void {
    this.#outstanding.splice(this.#outstanding.indexOf(epoch), 1);
    this.frozenUpTo = Math.max(0, ...this.#outstanding);
  }

  /** Takes back a segment of an ended freeze if it is in use nowhere else. */
  releaseSegment(segment: number): void {
    const death = this.#death[segment] as number;
    if (death !== 0 && !this.isHeld(this.birth[segment] as number, death)) this.#giveBack(segment);
  }

  /** True where a freeze holds what was in the live table from epoch `birth` to epoch `death`. */
  isHeld(birth: number, death: number): boolean {
    for (const epoch of this.#outstanding) if (birth <= epoch && epoch < death) return true;
    return false;
  }

  #take(depth: number, isZeroed: boolean): number {
    let segment = this.#free.pop();
    if (segment === undefined) {
      segment = this.#touched;
      if (segment >>> this.chunkShift === this.chunks.length) this.#addChunk();
      if (segment === this.birth.length) this.#growArrays();
      this.#touched += 1;
    } else if (isZeroed) {
      const start = this.startOf(segment);
      this.chunkOf(segment).fill(0, start, start + this.segmentBytes);
    }
    this.birth[segment] = this.epoch;
    this.#death[segment] = 0;
    this.count[segment] = 0;
    this.depth[segment] = depth;
    this.next[segment] = 0;
    return segment;
  }

  #giveBack(segment: number): void {
    this.#free.push(segment);
    this.#options.onFree?.(segment);
  }

  #addChunk(): void {
    const chunkBytes = this.segmentBytes << this.chunkShift;
    if (this.#blockUsedBytes === this.#block.byteLength) this.#addBlock(chunkBytes);
    this.chunks.push(new Uint8Array(this.#block, this.#blockUsedBytes, chunkBytes));
    this.views.push(new DataView(this.#block, this.#blockUsedBytes, chunkBytes));
    this.#blockUsedBytes += chunkBytes;
  }

  #addBlock(chunkBytes: number): void {
    const wantedChunks = Math.floor(Math.min(this.#reservedBytes / 4, blockMaxBytes) / chunkBytes);
    try {
      this.#takeBlock(Math.max(1, wantedChunks) * chunkBytes);
    } catch (error) {
      // Near a limit there may still be room for one chunk.
      if (wantedChunks <= 1) throw error;
      this.#takeBlock(chunkBytes);
    }
  }

  #takeBlock(sizeBytes: number): void {
    this.#options.reserve(sizeBytes);
    this.#block = allocateBytes(sizeBytes).buffer;
    this.#blockUsedBytes = 0;
    this.#reservedBytes += sizeBytes;
  }

  #growArrays(): void {
    this.birth = grown(this.birth, new Uint32Array(this.birth.length * 2));
    this.count = grown(this.count, new Uint16Array(this.count.length * 2));
    this.depth = grown(this.depth, new Uint8Array(this.depth.length * 2));
    this.next = grown(this.next, new Uint32Array(this.next.length * 2));
    this.#death = grown(this.#death, new Uint32Array(this.#death.length * 2));
  }
}

function grown<A extends Uint8Array | Uint16Array | Uint32Array>(old: A, larger: A): A {
  larger.set(old);
  return larger;
}

/** Zeroed memory. Throws NO_MEMORY where the process gets no more. */
export function allocateBytes(sizeBytes: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(sizeBytes);
  } catch (cause) {
    const advice = "use a backend on disk, more subtasks, or give the process more memory";
    throw new StateError("NO_MEMORY", `no memory for ${sizeBytes} bytes more of state; ${advice}`, { cause, details: { sizeBytes } });
  }
}
