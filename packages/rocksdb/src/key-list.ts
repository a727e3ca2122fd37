import { checkRange, copyBytes, grownBuffer } from "./byte-buffer.js";

const LENGTH_BYTES = 4;

/** Keys for `Database.multiGet`, packed as they are added; can be used again after `clear`. */
export class KeyList {
  #buffer = new Uint8Array(1024);
  #view = new DataView(this.#buffer.buffer);
  #sizeBytes = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The packed keys; only the first sizeBytes are meaningful. */
  get bytes(): Uint8Array {
    return this.#buffer;
  }

  /** Throws RocksDBError INVALID_ARGUMENT for a range outside the array. */
  add(key: Uint8Array, start = 0, end = key.length): void {
    checkRange(key, start, end);
    const position = this.#sizeBytes;
    const after = position + LENGTH_BYTES + end - start;
    if (after > this.#buffer.length) {
      this.#buffer = grownBuffer(this.#buffer, after, position);
      this.#view = new DataView(this.#buffer.buffer);
    }
    this.#view.setUint32(position, end - start, true);
    copyBytes(key, start, end, this.#buffer, position + LENGTH_BYTES);
    this.#sizeBytes = after;
    this.#count++;
  }

  clear(): void {
    this.#sizeBytes = 0;
    this.#count = 0;
  }
}
