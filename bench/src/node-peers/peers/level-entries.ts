import type { EntryFileWriter } from "../entry-file.js";
import type { StoreOptions } from "../node-store.js";

/** A write as the stores of npm's level family take it in a batch. */
export interface LevelPut {
  readonly type: "put";
  readonly key: string;
  readonly value: Uint8Array;
}

/** Half of the memory is cache; of write buffers there can be one that is filled and one that is written out. */
export function levelOptions({ memoryBytes }: StoreOptions): { cacheSize: number; writeBufferSize: number } {
  return { cacheSize: Math.floor(memoryBytes / 2), writeBufferSize: Math.floor(memoryBytes / 4) };
}

export function levelPuts(entries: Iterable<readonly [string, Uint8Array]>): LevelPut[] {
  return Array.from(entries, ([key, value]) => ({ type: "put", key, value }));
}

/** The iterator of npm's older level stores. It sees the store as it was when the iterator was made. */
export interface CallbackIterator {
  next(callback: (error?: Error | null, key?: Buffer, value?: Buffer) => void): void;
  end(callback: (error?: Error | null) => void): void;
}

/** Writes all entries of an iterator to a file and ends the iterator. */
export async function writeEntries(iterator: CallbackIterator, writer: EntryFileWriter): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      const next = (): void =>
        iterator.next((error, key, value) => {
          if (error) return reject(error);
          if (key === undefined || value === undefined) return resolve();
          try {
            writer.add(key, value);
          } catch (failure) {
            return reject(failure);
          }
          next();
        });
      next();
    });
  } finally {
    await new Promise<void>((resolve, reject) => iterator.end((error) => (error ? reject(error) : resolve())));
  }
}
