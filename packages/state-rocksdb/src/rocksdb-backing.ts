import { join } from "node:path";
import type { Database, DrainedFile, Snapshot, TableMemory } from "@tidemark/rocksdb";
import { asStateError } from "./errors.js";
import type { BackingIterator, BackingSnapshot, BackingStore } from "./write-back/backing-store.js";
import { segmentBytes } from "./write-back/entry-format.js";
import { chunkShift } from "./write-back/segment-pool.js";
import type { FrozenLayer } from "./write-back/table-layers.js";

/** What became of a layer. */
export interface DrainedLayer {
  readonly layer: number;
  readonly files: readonly (DrainedFile & { readonly path: string })[];
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

  constructor(options: BackingOptions) {
    this.#options = options;
    this.#database = options.database;
    this.#family = options.columnFamily;
    this.#isEmpty = options.isEmpty;
  }

  get isEmpty(): boolean {
    return this.#isEmpty;
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
    const options = snapshot === undefined ? { lower, upper } : { lower, upper, snapshot: snapshot as Snapshot };
    try {
      return new Translated(this.#database.iterator(this.#family, options));
    } catch (error) {
      throw asStateError(error);
    }
  }

  takeSnapshot(): BackingSnapshot {
    return this.#database.takeSnapshot();
  }

  async drain({ layer, segments, segmentCount }: FrozenLayer): Promise<DrainedLayer> {
    const { memory, directory, targetFileBytes } = this.#options;
    // From now on a read may find something below.
    this.#isEmpty = false;
    this.#drains += 1;
    try {
      const files = await this.#database.drain(this.#family, {
        memory, segments, segmentCount, segmentBytes, chunkShift, layer, directory, targetFileBytes,
        filePrefix: `${layer}-${this.#drains}`,
      });
      return { layer, files: files.map((file) => ({ ...file, path: join(directory, file.name) })) };
    } catch (error) {
      throw asStateError(error);
    }
  }

  waitForDrain(): boolean {
    return this.#database.waitForDrain();
  }
}

/** The binding's iterator with its errors as StateError. */
class Translated implements BackingIterator {
  readonly #iterator: BackingIterator;

  constructor(iterator: BackingIterator) {
    this.#iterator = iterator;
  }

  get buffer(): Uint8Array {
    return this.#iterator.buffer;
  }

  get keyStart(): number {
    return this.#iterator.keyStart;
  }

  get keyEnd(): number {
    return this.#iterator.keyEnd;
  }

  get valueStart(): number {
    return this.#iterator.valueStart;
  }

  get valueEnd(): number {
    return this.#iterator.valueEnd;
  }

  next(): boolean {
    try {
      return this.#iterator.next();
    } catch (error) {
      this.#iterator.close();
      throw asStateError(error);
    }
  }

  close(): void {
    this.#iterator.close();
  }
}
