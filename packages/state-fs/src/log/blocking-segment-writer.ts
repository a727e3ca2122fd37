import type { StateError } from "@tidemark/core/state";
import type { SyncFileSystem, SyncWritableFile } from "@tidemark/core/storage";
import type { SegmentWriter } from "./segment-writer.js";

/** Has every write on the disk before the call returns: costs an fsync each, some milliseconds on a hard disk, less on flash. */
export class BlockingSegmentWriter implements SegmentWriter {
  readonly pendingBytes = 0;
  readonly #fileSystem: SyncFileSystem;
  #file: SyncWritableFile | undefined;
  #failure: unknown;

  constructor(fileSystem: SyncFileSystem) {
    this.#fileSystem = fileSystem;
  }

  open(directory: string, name: string, header: Uint8Array): void {
    this.#attempt(() => {
      const file = this.#fileSystem.createFile(`${directory}/${name}`);
      this.#file = file;
      file.write(header);
      file.sync();
      this.#fileSystem.syncDirectory(directory);
    });
  }

  write(bytes: Uint8Array): void {
    this.#attempt(() => {
      this.#file?.write(bytes);
      this.#file?.sync();
    });
  }

  close(): void {
    this.#attempt(() => {
      this.#file?.close();
      this.#file = undefined;
    });
  }

  sync(): Promise<void> {
    return this.#failure === undefined ? Promise.resolve() : Promise.reject(this.#failure as StateError);
  }

  async abandon(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    try {
      file?.close();
    } catch {
      // What was written was synced; nothing depends on closing.
    }
  }

  #attempt(action: () => void): void {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      action();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }
}
