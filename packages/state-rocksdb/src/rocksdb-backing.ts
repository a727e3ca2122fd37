import { join } from "node:path";
import type { Database, DatabaseIterator, Snapshot, TableMemory, WrittenTable } from "@tidemark/rocksdb";
import { isStateError } from "@tidemark/core/state";
import { asStateError } from "./errors.js";
import type { BackingIterator, BackingSnapshot, BackingStore } from "./write-back/backing-store.js";
import { segmentBytes } from "./write-back/entry-format.js";
import { chunkShift } from "./write-back/segment-pool.js";
import type { FrozenLayer } from "./write-back/table-layers.js";

/** Iterators that wait for the next scan: opening one costs several times what moving one costs. */
const idleMax = 4;

/** What became of a layer. */
export interface DrainedLayer {
  readonly layer: number;
  readonly files: readonly (WrittenTable & { readonly path: string })[];
}

export interface BackingOptions {
  readonly database: Database;
  readonly columnFamily: number;
  readonly memory: TableMemory;
  /** Where drained files are put, and stay. */
  readonly directory: string;
  readonly targetFileBytes: number;
  /** True where the column family was just made. */
  readonly isEmpty: boolean;
}

/** A column family under a write-back table. */
export class RocksDBBacking implements BackingStore<DrainedLayer> {
  readonly #options: BackingOptions;
  readonly #database: Database;
  readonly #family: number;
  #isEmpty: boolean;
  #drains = 0;
  #underWay = 0;
  readonly #idle: RangeIterator[] = [];
  /** A block of the table's memory in which drains say what they have copied. */
  readonly #progressBlock: number;
  readonly #progress: Uint32Array;

  constructor(options: BackingOptions) {
    this.#options = options;
    const { id, bytes } = options.memory.allocateBlock(Uint32Array.BYTES_PER_ELEMENT);
    this.#progressBlock = id;
    this.#progress = new Uint32Array(bytes.buffer);
    this.#database = options.database;
    this.#family = options.columnFamily;
    this.#isEmpty = options.isEmpty;
  }

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  get collectedLayer(): number {
    return this.#progress[0] as number;
  }

  get output(): Uint8Array {
    return this.#database.output;
  }

  get(key: Uint8Array, keyBytes: number, snapshot: BackingSnapshot | undefined): number {
    try {
      return this.#database.get(this.#family, key, 0, keyBytes, snapshot as Snapshot | undefined);
    } catch (error) {
      throw asStateError(error);
    }
  }

  scan(lower: Uint8Array, upper: Uint8Array, snapshot: BackingSnapshot | undefined): BackingIterator {
    const idle = snapshot === undefined ? this.#idle.pop() : undefined;
    try {
      if (idle === undefined) return this.#openIterator(lower, upper, snapshot);
      idle.iterator.seekRange(lower, upper);
      idle.upper = upper;
      return idle;
    } catch (error) {
      idle?.iterator.close();
      throw asStateError(error);
    }
  }

  #openIterator(lower: Uint8Array, upper: Uint8Array, snapshot: BackingSnapshot | undefined): BackingIterator {
    const options = snapshot === undefined ? { upper } : { upper, snapshot: snapshot as Snapshot };
    const iterator = this.#database.iterator(this.#family, options);
    iterator.seek(lower);
    // What an iterator shows stays true until a drain begins. While one is under way nobody knows which of the two it shows.
    const isReusable = snapshot === undefined && this.#underWay === 0;
    const drains = this.#drains;
    return new RangeIterator(iterator, upper, (range) => {
      if (isReusable && drains === this.#drains && this.#idle.length < idleMax) this.#idle.push(range);
      else iterator.close();
    });
  }

  /** Iterators keep the files of their time. */
  #closeIdle(): void {
    for (const { iterator } of this.#idle.splice(0)) iterator.close();
  }

  takeSnapshot(): BackingSnapshot {
    return this.#database.takeSnapshot();
  }

  async drain({ layer, segments, segmentCount }: FrozenLayer): Promise<DrainedLayer> {
    const { memory, directory, targetFileBytes } = this.#options;
    // From now on a read may find something below.
    this.#isEmpty = false;
    this.#drains += 1;
    this.#underWay += 1;
    this.#closeIdle();
    try {
      const files = await this.#database.drain(this.#family, {
        memory, segments, segmentCount, segmentBytes, chunkShift, layer, directory, targetFileBytes,
        filePrefix: `${layer}-${this.#drains}`,
        progressBlock: this.#progressBlock,
      });
      return { layer, files: files.map((file) => ({ ...file, path: join(directory, file.name) })) };
    } catch (error) {
      const failure = asStateError(error);
      await this.#recover(failure);
      throw failure;
    } finally {
      this.#underWay -= 1;
    }
  }

  /**
   * After some errors, as where the process had no file numbers left, RocksDB takes no writes before it is told that it may. Without an
   * error of that kind this does nothing; when a disk was full it looks by itself whether there is room again.
   */
  async #recover(failure: unknown): Promise<void> {
    if (isStateError(failure) && failure.code === "NO_SPACE") return;
    // Where it cannot go on yet, the next drain fails too and tells it again.
    await this.#database.resume().catch(() => undefined);
  }

  waitForCollected(): boolean {
    return this.#database.waitForCollected();
  }

  waitForDrain(): boolean;
  waitForDrain(atMostMs: number): boolean | undefined;
  waitForDrain(atMostMs?: number): boolean | undefined {
    return atMostMs === undefined ? this.#database.waitForDrain() : this.#database.waitForDrain(atMostMs);
  }
}

/** The binding's iterator up to an upper bound, with its errors as StateError. */
class RangeIterator implements BackingIterator {
  readonly iterator: DatabaseIterator;
  upper: Uint8Array;
  readonly #onClose: (range: RangeIterator) => void;

  constructor(iterator: DatabaseIterator, upper: Uint8Array, onClose: (range: RangeIterator) => void) {
    this.iterator = iterator;
    this.upper = upper;
    this.#onClose = onClose;
  }

  get buffer(): Uint8Array {
    return this.iterator.buffer;
  }

  get keyStart(): number {
    return this.iterator.keyStart;
  }

  get keyEnd(): number {
    return this.iterator.keyEnd;
  }

  get valueStart(): number {
    return this.iterator.valueStart;
  }

  get valueEnd(): number {
    return this.iterator.valueEnd;
  }

  next(): boolean {
    try {
      return this.iterator.next() && this.#isBelowUpper();
    } catch (error) {
      this.iterator.close();
      throw asStateError(error);
    }
  }

  close(): void {
    this.#onClose(this);
  }

  #isBelowUpper(): boolean {
    const { buffer, keyStart, keyEnd } = this.iterator;
    const { upper } = this;
    const length = Math.min(upper.length, keyEnd - keyStart);
    for (let i = 0; i < length; i += 1) {
      const difference = (buffer[keyStart + i] as number) - (upper[i] as number);
      if (difference !== 0) return difference < 0;
    }
    return keyEnd - keyStart < upper.length;
  }
}
