import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { importPeer } from "../peer-package.js";
import { entryStoreKind } from "./entry-store.js";

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
export const slatedb = entryStoreKind("@slatedb/uniffi", async ({ directory }) => {
  const slate = await importPeer<Package>("@slatedb/uniffi", "index.js");
  const folder = join(directory, "objects");
  await mkdir(folder, { recursive: true });
  const database = await new slate.DbBuilder("database", slate.ObjectStore.resolve(pathToFileURL(folder).href)).build();
  const noExpiry = { ttl: slate.Ttl.NoExpiry() };
  const get = (key: string): Promise<Uint8Array | undefined> => database.get(Buffer.from(key, "latin1"));
  return {
    get,
    getMany: (keys) => Promise.all(keys.map(get)),
    put: (key, value) => database.put_with_options(Buffer.from(key, "latin1"), value, noExpiry, notDurable),
    write: (entries) => {
      const batch = new slate.WriteBatch();
      for (const [key, value] of entries) batch.put(Buffer.from(key, "latin1"), value);
      return database.write_with_options(batch, notDurable);
    },
    writeSnapshot: async (writer) => {
      const iterator = await (await database.snapshot()).scan(everything);
      for (let entry = await iterator.next(); entry !== undefined; entry = await iterator.next()) writer.add(entry.key, entry.value);
    },
    close: () => database.shutdown(),
  };
});
