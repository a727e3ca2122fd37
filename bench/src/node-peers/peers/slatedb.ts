import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { EntryFileWriter, readEntryFile } from "../entry-file.js";
import { increment, incrementAll, type NodeStore, type NodeStoreKind, type Visit } from "../node-store.js";
import { describePeer, importPeer } from "../peer-package.js";
import { publishFile } from "../published-file.js";

/** What is used of the package. */
interface Database {
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  put_with_options(key: Uint8Array, value: Uint8Array, put: object, write: object): Promise<unknown>;
  write_with_options(batch: WriteBatch, options: object): Promise<unknown>;
  snapshot(): Promise<{ scan(range: object): Promise<{ next(): Promise<{ key: Uint8Array; value: Uint8Array } | undefined> }> }>;
  shutdown(): Promise<void>;
}

interface WriteBatch {
  put(key: Uint8Array, value: Uint8Array): void;
}

interface Package {
  readonly ObjectStore: { resolve(url: string): object };
  readonly DbBuilder: new (path: string, store: object) => { build(): Promise<Database> };
  readonly WriteBatch: new () => WriteBatch;
  readonly Ttl: { NoExpiry(): object };
}

/** Writes are in memory until the store puts them into its object storage by itself. */
const notDurable = { await_durable: false };
const everything = { start: undefined, start_inclusive: true, end: undefined, end_inclusive: false };

/**
 * The package @slatedb/uniffi: SlateDB on object storage in a directory, with its settings as they are. Every call crosses to Rust and
 * back as a promise. Its checkpoints cannot be made from Node, so a copy is made by hand, from its snapshot, which is consistent, to a
 * file.
 */
export const slatedb: NodeStoreKind = {
  async open({ directory }) {
    const slate = await importPeer<Package>("@slatedb/uniffi", "index.js");
    const folder = join(directory, "objects");
    await mkdir(folder, { recursive: true });
    const database = await new slate.DbBuilder("database", slate.ObjectStore.resolve(pathToFileURL(folder).href)).build();
    return new SlateStore(slate, database, join(directory, "snapshot"));
  },
  readSnapshot: async ({ directory }, visit) => readEntryFile(join(directory, "snapshot"), visit),
};

class SlateStore implements NodeStore {
  readonly build = describePeer("@slatedb/uniffi");
  readonly #slate: Package;
  readonly #database: Database;
  readonly #path: string;
  readonly #noExpiry: object;

  constructor(slate: Package, database: Database, path: string) {
    this.#slate = slate;
    this.#database = database;
    this.#path = path;
    this.#noExpiry = { ttl: slate.Ttl.NoExpiry() };
  }

  async put(keys: readonly string[], values: readonly Buffer[]): Promise<void> {
    await this.#write(keys.map((key, index) => [key, values[index] as Buffer]));
  }

  async get(keys: readonly string[], visit: Visit): Promise<void> {
    for (let index = 0; index < keys.length; index += 1) visit(await this.#get(keys[index] as string), index);
  }

  async getBatch(keys: readonly string[], visit: Visit): Promise<void> {
    for (const [index, value] of (await this.#getMany(keys)).entries()) visit(value, index);
  }

  async readModifyWrite(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const value = increment(await this.#get(key), key);
      await this.#database.put_with_options(Buffer.from(key, "latin1"), value, this.#noExpiry, notDurable);
    }
  }

  async readModifyWriteBatch(keys: readonly string[]): Promise<void> {
    await this.#write(incrementAll(keys, await this.#getMany(keys)));
  }

  async snapshot(): Promise<void> {
    const iterator = await (await this.#database.snapshot()).scan(everything);
    await publishFile(this.#path, async (temporary) => {
      const writer = new EntryFileWriter(temporary);
      try {
        for (let entry = await iterator.next(); entry !== undefined; entry = await iterator.next()) writer.add(entry.key, entry.value);
      } finally {
        writer.close();
      }
    });
  }

  async close(): Promise<void> {
    await this.#database.shutdown();
  }

  #get(key: string): Promise<Uint8Array | undefined> {
    return this.#database.get(Buffer.from(key, "latin1"));
  }

  #getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return Promise.all(keys.map((key) => this.#get(key)));
  }

  async #write(entries: Iterable<readonly [string, Uint8Array]>): Promise<void> {
    const batch = new this.#slate.WriteBatch();
    for (const [key, value] of entries) batch.put(Buffer.from(key, "latin1"), value);
    await this.#database.write_with_options(batch, notDurable);
  }
}
