import type { DrainRequest } from "./drain.js";
import { TableMemory } from "./table-memory.js";

/** One piece of a list. */
export interface Piece {
  readonly layer: number;
  readonly bytes: string;
  readonly isBase?: boolean;
}

export type TestEntry =
  | { readonly kind: "value"; readonly layer: number; readonly value: string }
  | { readonly kind: "tombstone"; readonly layer: number }
  | { readonly kind: "list"; readonly layer: number; readonly pieces: readonly Piece[] };

const KINDS = { value: 1, tombstone: 2, list: 3 };
const HEADER_BYTES = 12;
const LARGE = 0x80;

function encodePieces(pieces: readonly Piece[]): Buffer {
  return Buffer.concat(
    pieces.flatMap(({ layer, bytes, isBase }) => {
      const content = Buffer.from(bytes, "latin1");
      const head = Buffer.alloc(8);
      head.writeUInt32LE(layer, 0);
      head.writeUInt32LE((content.length | (isBase === true ? 0x80000000 : 0)) >>> 0, 4);
      return [head, content];
    }),
  );
}

function encodeValue(entry: TestEntry): Buffer {
  if (entry.kind === "tombstone") return Buffer.alloc(0);
  return entry.kind === "value" ? Buffer.from(entry.value, "latin1") : encodePieces(entry.pieces);
}

/** Writes entries the way a write-back table does, into segments of its own; keys are latin1 text. */
export class TestTable {
  readonly memory = TableMemory.create();
  readonly chunks: Uint8Array[] = [];
  readonly #segmentBytes: number;
  readonly #chunkShift: number;
  readonly #slots: number;
  readonly #spare: number;
  #segments = 0;
  #slot = 0;
  #free = 0;

  constructor({ segmentBytes = 1024, chunkShift = 2, slots = 16, spare = 0 } = {}) {
    this.#segmentBytes = segmentBytes;
    this.#chunkShift = chunkShift;
    this.#slots = slots;
    this.#spare = spare;
  }

  /** Offset of segment s in its chunk. */
  offsetOf(segment: number): number {
    return (segment & (2 ** this.#chunkShift - 1)) * this.#segmentBytes;
  }

  chunkOf(segment: number): Buffer {
    const chunk = this.chunks[segment >>> this.#chunkShift] as Uint8Array;
    return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
  }

  #openSegment(): void {
    const segment = this.#segments++;
    if (segment >>> this.#chunkShift >= this.chunks.length) {
      this.chunks.push(this.memory.addChunk(2 ** this.#chunkShift * this.#segmentBytes));
    }
    this.chunkOf(segment).writeUInt32LE(this.#slots, this.offsetOf(segment));
    this.#slot = 0;
    this.#free = 4 + 4 * this.#slots;
  }

  /** Entries that do not fit a segment get a block. Returns its number, or -1. */
  add(key: string, entry: TestEntry): number {
    const value = encodeValue(entry);
    const keyBytes = Buffer.from(key, "latin1");
    const capacity = value.length + this.#spare;
    const isLarge = HEADER_BYTES + keyBytes.length + capacity > (this.#segmentBytes - 4 - 4 * this.#slots) / 4;
    if (!isLarge) {
      this.#place(KINDS[entry.kind], entry.layer, keyBytes, value, capacity);
      return -1;
    }
    const { id, bytes } = this.memory.allocateBlock(8 + keyBytes.length + value.length);
    const block = Buffer.from(bytes.buffer);
    block.writeUInt32LE(keyBytes.length, 0);
    block.writeUInt32LE(value.length, 4);
    keyBytes.copy(block, 8);
    value.copy(block, 8 + keyBytes.length);
    const stub = Buffer.alloc(8);
    stub.writeUInt32LE(id, 0);
    this.#place(KINDS[entry.kind] | LARGE, entry.layer, Buffer.alloc(0), stub, stub.length);
    return id;
  }

  #place(kind: number, layer: number, key: Buffer, value: Buffer, capacity: number): void {
    const length = HEADER_BYTES + key.length + capacity;
    if (this.#segments === 0 || this.#slot === this.#slots || this.#free + length > this.#segmentBytes) this.#openSegment();
    const segment = this.#segments - 1;
    const chunk = this.chunkOf(segment);
    const base = this.offsetOf(segment);
    const start = base + this.#free;
    chunk.writeUInt16LE(key.length, start);
    chunk.writeUInt16LE(value.length, start + 2);
    chunk.writeUInt16LE(capacity, start + 4);
    chunk[start + 6] = kind;
    chunk.writeUInt32LE(layer, start + 8);
    key.copy(chunk, start + HEADER_BYTES);
    value.copy(chunk, start + HEADER_BYTES + key.length);
    chunk.writeUInt32LE(((0xabcd << 16) | this.#free) >>> 0, base + 4 + 4 * this.#slot);
    this.#slot++;
    this.#free += length;
  }

  /** A drain of all segments. */
  request(layer: number, directory: string, filePrefix: string, targetFileBytes = 1 << 20): DrainRequest {
    return {
      memory: this.memory,
      segments: Uint32Array.from({ length: this.#segments }, (_, segment) => segment),
      segmentCount: this.#segments,
      segmentBytes: this.#segmentBytes,
      chunkShift: this.#chunkShift,
      layer,
      directory,
      filePrefix,
      targetFileBytes,
    };
  }
}
