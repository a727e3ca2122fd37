import { type ByteCursor, ByteReader, ByteWriter, type OrderedByteStore } from "../state/index.js";

/** The simplest ordered byte store: a sorted array. For tests of what is built over OrderedByteStore. */
export class SortedByteMap implements OrderedByteStore {
  readonly #entries: { readonly key: Uint8Array; value: Uint8Array }[] = [];

  get(key: ByteWriter): ByteReader | undefined {
    const bytes = key.subarray();
    const entry = this.#entries[this.#indexOf(bytes)];
    return entry !== undefined && Buffer.compare(entry.key, bytes) === 0 ? new ByteReader(entry.value) : undefined;
  }

  put(key: ByteWriter, value: ByteWriter): void {
    const bytes = key.subarray();
    const index = this.#indexOf(bytes);
    const entry = this.#entries[index];
    if (entry !== undefined && Buffer.compare(entry.key, bytes) === 0) entry.value = value.copy();
    else this.#entries.splice(index, 0, { key: key.copy(), value: value.copy() });
  }

  append(key: ByteWriter, bytes: ByteWriter): void {
    const before = this.get(key);
    const appended = new ByteWriter();
    if (before !== undefined) appended.raw(before.bytes, before.position, before.end);
    appended.raw(bytes.bytes, 0, bytes.length);
    this.put(key, appended);
  }

  delete(key: ByteWriter): void {
    const bytes = key.subarray();
    const index = this.#indexOf(bytes);
    const entry = this.#entries[index];
    if (entry !== undefined && Buffer.compare(entry.key, bytes) === 0) this.#entries.splice(index, 1);
  }

  deleteRange(lower: Uint8Array, upper: Uint8Array): void {
    const from = this.#indexOf(lower);
    this.#entries.splice(from, Math.max(0, this.#indexOf(upper) - from));
  }

  scan(lower: Uint8Array, upper: Uint8Array): ByteCursor {
    const found = this.#entries.slice(this.#indexOf(lower), this.#indexOf(upper));
    const key = new ByteReader();
    const value = new ByteReader();
    return {
      key,
      value,
      next: () => {
        const entry = found.shift();
        if (entry === undefined) return false;
        key.reset(entry.key);
        value.reset(entry.value);
        return true;
      },
      close: () => found.splice(0),
    };
  }

  /** Index of the first entry at or after a key. */
  #indexOf(key: Uint8Array): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Buffer.compare((this.#entries[middle] as { key: Uint8Array }).key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
