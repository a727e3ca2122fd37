import { RocksDBError } from "./errors.js";
import { loadNative, type NativeBinding } from "./native.js";

/** A large entry's own memory. */
export interface TableBlock {
  readonly id: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * The memory of a write-back table, for `Database.drain`: native and counted by its users, so that a drain can read it on
 * another thread whatever happens here. Belongs to the thread that made it. Methods throw RocksDBError DISPOSED after `close`.
 */
export class TableMemory {
  readonly #native: NativeBinding;
  readonly #handle: number;
  readonly #blocks = new Map<number, ArrayBuffer>();
  readonly #id = new Uint32Array(1);
  #isClosed = false;

  private constructor(native: NativeBinding) {
    this.#native = native;
    this.#handle = native.createTableMemory();
  }

  /** Throws NATIVE_BINDING_MISSING when the addon was not built. */
  static create(): TableMemory {
    return new TableMemory(loadNative());
  }

  /** Number for the native calls. Throws DISPOSED after `close`. */
  get handle(): number {
    if (this.#isClosed) throw new RocksDBError("DISPOSED", "the table memory is closed");
    return this.#handle;
  }

  /** Chunks and blocks together; a freed block counts until its memory is gone. 0 after `close`. */
  get sizeBytes(): number {
    return this.#isClosed ? 0 : this.#native.tableMemorySize(this.#handle);
  }

  /**
   * Zeroed memory of 1 byte to 1 GiB for segments; the chunks are numbered 0, 1, 2, ... in the order of the calls. Pages cost
   * nothing before they are written.
   */
  addChunk(sizeBytes: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#native.addTableChunk(this.handle, sizeBytes));
  }

  /** Zeroed memory of 1 byte to 1 GiB for one large entry. */
  allocateBlock(sizeBytes: number): TableBlock {
    const buffer = this.#native.allocateTableBlock(this.handle, sizeBytes, this.#id);
    const id = this.#id[0] as number;
    this.#blocks.set(id, buffer);
    return { id, bytes: new Uint8Array(buffer) };
  }

  /**
   * Ends a block: its views become empty at once. The memory is given back, and the number given out again, as soon as no
   * drain that began before reads it. Throws INVALID_ARGUMENT when there is no such block.
   */
  freeBlock(id: number): void {
    const handle = this.handle;
    const buffer = this.#blocks.get(id);
    if (buffer === undefined) throw new RocksDBError("INVALID_ARGUMENT", `there is no block ${id}, or it was freed`);
    this.#native.freeTableBlock(handle, id, buffer);
    this.#blocks.delete(id);
  }

  /** The memory is given back when no drain and no ArrayBuffer uses it any more. May be called again. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#blocks.clear();
    this.#native.closeTableMemory(this.#handle);
  }
}
