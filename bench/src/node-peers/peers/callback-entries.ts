import type { EntryFileWriter } from "../entry-file.js";

/** The iterator of npm's older level stores. It sees the store as it was when the iterator was made. */
export interface CallbackIterator {
  next(callback: (error?: Error | null, key?: Buffer, value?: Buffer) => void): void;
  end(callback: (error?: Error | null) => void): void;
}

/** Writes all entries of an iterator to a file and ends both. */
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
    writer.close();
  }
}
