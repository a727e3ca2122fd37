import type { BackingIterator, BackingSnapshot, BackingStore } from "./backing-store.js";
import {
  baseFlag,
  blockHeaderBytes,
  capacityAt,
  entryHeaderBytes,
  kindAt,
  largeFlag,
  layerAt,
  listKind,
  pieceHeaderBytes,
  segmentBytes,
  tombstoneKind,
  valueLengthAt,
} from "./entry-format.js";
import { chunkShift, type ChunkMemory } from "./segment-pool.js";
import type { FrozenLayer } from "./table-layers.js";

/** Chunks and blocks in ordinary memory. */
export class PlainMemory implements ChunkMemory {
  readonly chunks: Uint8Array[] = [];
  readonly blocks: (Uint8Array | undefined)[] = [];

  addChunk(sizeBytes: number): Uint8Array {
    const chunk = new Uint8Array(sizeBytes);
    this.chunks.push(chunk);
    return chunk;
  }

  allocateBlock(sizeBytes: number): { readonly id: number; readonly bytes: Uint8Array } {
    const free = this.blocks.indexOf(undefined);
    const id = free === -1 ? this.blocks.length : free;
    const bytes = new Uint8Array(sizeBytes).fill(0xee);
    this.blocks[id] = bytes;
    return { id, bytes };
  }

  freeBlock(id: number): void {
    this.blocks[id]?.fill(0xdd);
    this.blocks[id] = undefined;
  }
}

type Contents = Map<string, Uint8Array>;

/** What a layer does to a key: new bytes, bytes put behind the old ones, or nothing any more. */
export interface Change {
  readonly key: string;
  readonly kind: "put" | "merge" | "delete";
  readonly bytes: Uint8Array;
}

/** A sorted map that reads layers out of table memory as docs/formats/write-back-table.md describes it, when the test says so. */
export class MemoryBacking implements BackingStore<readonly Change[]> {
  contents: Contents = new Map();
  output: Uint8Array = new Uint8Array(16);
  isEmpty = true;
  /** How many of the next drains fail. */
  failures = 0;
  openSnapshots = 0;
  /** Whether a drain ends before a writer that is only held back goes on. */
  endsInTime = false;
  collectedLayer = 0;
  /** What was copied for the drain of `collectedLayer`. */
  #collected: readonly Change[] = [];
  readonly #memory: PlainMemory;
  #pending: (() => boolean) | undefined;
  #collect: (() => void) | undefined;
  #hasSucceeded = true;

  constructor(memory: PlainMemory) {
    this.#memory = memory;
  }

  get isDraining(): boolean {
    return this.#pending !== undefined;
  }

  get(key: Uint8Array, keyBytes: number, snapshot: BackingSnapshot | undefined): number {
    const value = contentsOf(this, snapshot).get(latin1(key.subarray(0, keyBytes)));
    if (value === undefined) return -1;
    if (value.length > this.output.length) this.output = new Uint8Array(value.length * 2);
    this.output.set(value);
    return value.length;
  }

  scan(lower: Uint8Array, upper: Uint8Array, snapshot: BackingSnapshot | undefined): BackingIterator {
    const contents = new Map(contentsOf(this, snapshot));
    const [from, to] = [latin1(lower), latin1(upper)];
    const keys = [...contents.keys()].filter((key) => key >= from && key < to).sort();
    let at = -1;
    const iterator = {
      buffer: new Uint8Array(0), keyStart: 0, keyEnd: 0, valueStart: 0, valueEnd: 0,
      next(): boolean {
        at += 1;
        const name = keys[at];
        if (name === undefined) return false;
        const key = Buffer.from(name, "latin1");
        const value = contents.get(name) as Uint8Array;
        iterator.buffer = new Uint8Array(Buffer.concat([key, value]));
        iterator.keyEnd = iterator.valueStart = key.length;
        iterator.valueEnd = key.length + value.length;
        return true;
      },
      close: () => undefined,
    };
    return iterator;
  }

  takeSnapshot(): BackingSnapshot {
    this.openSnapshots += 1;
    const snapshot = { contents: new Map(this.contents), release: () => { this.openSnapshots -= 1; } };
    return snapshot;
  }

  /** Copies the layer under way, which may be written then. */
  collect(): void {
    this.#collect?.();
  }

  /** Reads the layer at once, as native code may at any time, and again when it is copied or applied: it must not have changed. */
  drain(layer: FrozenLayer): Promise<readonly Change[]> {
    if (this.#pending !== undefined) throw new Error("two drains at once");
    const isCollected = (): boolean => this.collectedLayer === layer.layer;
    const first = isCollected() ? this.#collected : this.#read(layer);
    this.#collect = () => {
      if (isCollected()) return;
      const second = this.#read(layer);
      if (JSON.stringify(first) !== JSON.stringify(second)) throw new Error(`layer ${layer.layer} changed while it was frozen`);
      this.#collected = second;
      this.collectedLayer = layer.layer;
    };
    return new Promise((resolve, reject) => {
      this.#pending = () => {
        this.#pending = undefined;
        if (this.failures > 0) {
          this.failures -= 1;
          queueMicrotask(() => reject(new Error("drain failed")));
          return false;
        }
        this.collect();
        const changes = this.#collected;
        this.#apply(changes);
        queueMicrotask(() => resolve(changes));
        return true;
      };
    });
  }

  waitForCollected(): boolean {
    this.collect();
    return true;
  }

  waitForDrain(): boolean;
  waitForDrain(atMostMs: number): boolean | undefined;
  waitForDrain(atMostMs?: number): boolean | undefined {
    return atMostMs === undefined || this.endsInTime ? this.step() : undefined;
  }

  /** Lets the drain under way happen. */
  step(): boolean {
    if (this.#pending !== undefined) this.#hasSucceeded = this.#pending();
    return this.#hasSucceeded;
  }

  #apply(changes: readonly Change[]): void {
    const next = new Map(this.contents);
    for (const { key, kind, bytes } of changes) {
      if (kind === "delete") next.delete(key);
      else if (kind === "put") next.set(key, bytes);
      else next.set(key, new Uint8Array(Buffer.concat([next.get(key) ?? new Uint8Array(0), bytes])));
    }
    this.contents = next;
    this.isEmpty = false;
  }

  #read(layer: FrozenLayer): Change[] {
    const changes: Change[] = [];
    for (const segment of layer.segments.subarray(0, layer.segmentCount)) {
      const chunk = this.#memory.chunks[segment >>> chunkShift] as Uint8Array;
      const start = (segment % (1 << chunkShift)) * segmentBytes;
      const view = new DataView(chunk.buffer, chunk.byteOffset + start, segmentBytes);
      const slots = view.getUint32(0, true);
      for (let slot = 0; slot < slots; slot += 1) {
        const entry = view.getUint32(4 + 4 * slot, true);
        if (entry === 0) continue;
        const change = this.#readEntry(view, entry & 0xffff, layer.layer);
        if (change !== undefined) changes.push(change);
      }
    }
    return changes.sort((left, right) => (left.key < right.key ? -1 : 1));
  }

  #readEntry(view: DataView, at: number, layer: number): Change | undefined {
    if (view.getUint32(at + layerAt, true) !== layer) return undefined;
    const kind = view.getUint8(at + kindAt);
    const keyBytes = view.getUint16(at, true);
    const valueStart = at + entryHeaderBytes + keyBytes;
    if (at + entryHeaderBytes + keyBytes + view.getUint16(at + capacityAt, true) > segmentBytes) throw new Error("an entry ends outside");
    let key = slice(view, at + entryHeaderBytes, keyBytes);
    let value = slice(view, valueStart, view.getUint16(at + valueLengthAt, true));
    if ((kind & largeFlag) !== 0) {
      const block = this.#memory.blocks[view.getUint32(valueStart, true)] as Uint8Array;
      const blockView = new DataView(block.buffer);
      key = slice(blockView, blockHeaderBytes, blockView.getUint32(0, true));
      value = slice(blockView, blockHeaderBytes + key.length, blockView.getUint32(4, true));
    }
    const name = latin1(key);
    if ((kind & ~largeFlag) === tombstoneKind) return { key: name, kind: "delete", bytes: new Uint8Array(0) };
    if ((kind & ~largeFlag) !== listKind) return { key: name, kind: "put", bytes: value };
    return pieceChange(name, value, layer);
  }
}

function pieceChange(key: string, value: Uint8Array, layer: number): Change {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const parts: Uint8Array[] = [];
  let isPut = false;
  for (let at = 0; at < value.length; ) {
    const length = view.getUint32(at + 4, true);
    const isBase = length >= baseFlag;
    if (isBase && at > 0) throw new Error("a base behind the first piece");
    isPut ||= isBase && view.getUint32(at, true) === layer;
    const end = at + pieceHeaderBytes + (length & ~baseFlag);
    if (isPut || view.getUint32(at, true) === layer) parts.push(value.slice(at + pieceHeaderBytes, end));
    at = end;
  }
  return { key, kind: isPut ? "put" : "merge", bytes: new Uint8Array(Buffer.concat(parts)) };
}

function slice(view: DataView, start: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + start, length).slice();
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function contentsOf(backing: MemoryBacking, snapshot: BackingSnapshot | undefined): Contents {
  return snapshot === undefined ? backing.contents : (snapshot as BackingSnapshot & { readonly contents: Contents }).contents;
}
