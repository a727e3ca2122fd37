import { join } from "node:path";
import { EntryFileWriter, readEntryFile } from "../entry-file.js";
import { increment, incrementAll, type NodeStore, type NodeStoreKind, type StoreOptions } from "../node-store.js";
import { describePeer } from "../peer-package.js";
import { publishFile } from "../published-file.js";

/** What a store of single entries offers whose calls are asynchronous and that makes no copies of itself. */
export interface Entries {
  /** Undefined for a key that is not there. */
  get(key: string): Promise<Uint8Array | undefined>;
  getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]>;
  put(key: string, value: Uint8Array): Promise<unknown>;
  /** All of these at once. */
  write(entries: Iterable<readonly [key: string, value: Uint8Array]>): Promise<unknown>;
  /** Adds every entry as it is at the call, whatever is written meanwhile. */
  writeSnapshot(writer: EntryFileWriter): Promise<void>;
  close(): Promise<unknown>;
  /** What the store does in a faster way than through the methods above. */
  readonly own?: Partial<NodeStore>;
}

/** Such a store of a package, measured through its promises. A consistent copy is made by hand, to a file. */
export function entryStoreKind(name: string, open: (options: StoreOptions) => Promise<Entries>): NodeStoreKind {
  return {
    open: async (options) => {
      const entries = await open(options);
      return { ...entryStore(describePeer(name), entries, snapshotPath(options)), ...entries.own };
    },
    readSnapshot: async (options, visit) => readEntryFile(snapshotPath(options), visit),
  };
}

function snapshotPath({ directory }: StoreOptions): string {
  return join(directory, "snapshot");
}

function entryStore(build: string, entries: Entries, path: string): NodeStore {
  return {
    build,
    put: async (keys, values) => void (await entries.write(keys.map((key, index) => [key, values[index] as Buffer]))),
    get: async (keys, visit) => {
      for (let index = 0; index < keys.length; index += 1) visit(await entries.get(keys[index] as string), index);
    },
    getBatch: async (keys, visit) => {
      for (const [index, value] of (await entries.getMany(keys)).entries()) visit(value, index);
    },
    readModifyWrite: async (keys) => {
      for (const key of keys) await entries.put(key, increment(await entries.get(key), key));
    },
    readModifyWriteBatch: async (keys) => void (await entries.write(incrementAll(keys, await entries.getMany(keys)))),
    snapshot: () =>
      publishFile(path, async (temporary) => {
        const writer = new EntryFileWriter(temporary);
        try {
          await entries.writeSnapshot(writer);
        } finally {
          writer.close();
        }
      }),
    close: async () => void (await entries.close()),
  };
}
