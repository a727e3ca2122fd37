import type { WritableFile } from "../../storage/index.js";

/** Opens the file at a length, cutting off what is behind it. */
export type OpenAt = (lengthBytes: number) => Promise<WritableFile>;

/**
 * Appends chunks to a file in order, in the background. A write that fails (no space) keeps its chunk: the next flush opens the file
 * again at the last good length and goes on. A failed fsync is final, because the system may have dropped the pages it could
 * not write and a second fsync would then succeed without them.
 */
export class AppendQueue {
  readonly #open: OpenAt;
  readonly #chunks: Uint8Array[] = [];
  #file: WritableFile | undefined;
  #storedBytes: number;
  #pendingBytes = 0;
  #flushing: Promise<void> | undefined;
  #lastFlushFailed = false;
  #syncFailure: unknown;

  constructor(open: OpenAt, storedBytes: number) {
    this.#open = open;
    this.#storedBytes = storedBytes;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Takes a chunk and starts writing, unless the last write failed: then the next flush() tries again and reports. */
  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#pendingBytes += chunk.length;
    if (!this.#lastFlushFailed) this.flush().catch(() => {});
  }

  /** Resolves once everything pushed so far is written. */
  flush(): Promise<void> {
    this.#flushing ??= this.#writeAll().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  /** Writes everything pushed so far and makes it durable. */
  async sync(): Promise<void> {
    await this.flush();
    if (this.#syncFailure !== undefined) throw this.#syncFailure;
    this.#file ??= await this.#open(this.#storedBytes);
    try {
      await this.#file.sync();
    } catch (error) {
      this.#syncFailure = error;
      throw error;
    }
  }

  /** Lets go of the file; what is pending stays pending. */
  async close(): Promise<void> {
    await this.#flushing?.catch(() => {});
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #writeAll(): Promise<void> {
    if (this.#syncFailure !== undefined) throw this.#syncFailure;
    try {
      for (let chunk = this.#chunks[0]; chunk !== undefined; chunk = this.#chunks[0]) {
        this.#file ??= await this.#open(this.#storedBytes);
        await this.#file.write(chunk);
        this.#storedBytes += chunk.length;
        this.#pendingBytes -= chunk.length;
        this.#chunks.shift();
      }
      this.#lastFlushFailed = false;
    } catch (error) {
      this.#lastFlushFailed = true;
      const broken = this.#file;
      this.#file = undefined;
      await broken?.close().catch(() => {});
      throw error;
    }
  }
}
