import type { ByteSource } from "../serializers/byte-source.js";
import { allocateBytes, type SegmentStore } from "./segment-store.js";

interface LargeEntry extends ByteSource {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  readonly keyBytes: number;
  valueBytes: number;
  readonly birth: number;
}

/**
 * Entries too large for a segment, each `key | value` in memory of its own. As with segments, a freeze holds those that were
 * there: they are replaced instead of written, and forgotten when every freeze that holds them is released.
 */
export class LargeEntries {
  readonly #store: SegmentStore;
  readonly #reserve: (extraBytes: number) => void;
  readonly #entries: (LargeEntry | undefined)[] = [];
  readonly #free: number[] = [];
  #retired: { readonly id: number; readonly birth: number; readonly death: number }[] = [];
  #sizeBytes = 0;

  constructor(store: SegmentStore, reserve: (extraBytes: number) => void) {
    this.#store = store;
    this.#reserve = reserve;
  }

  /** Memory of all entries, those included that only a freeze holds. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get(id: number): LargeEntry {
    return this.#entries[id] as LargeEntry;
  }

  /** Throws NO_MEMORY; nothing has changed then. */
  add(
    key: ByteSource, keyStart: number, keyEnd: number,
    value: ByteSource, valueStart: number, valueEnd: number, slackBytes: number,
  ): number {
    const keyBytes = keyEnd - keyStart;
    const valueBytes = valueEnd - valueStart;
    const bytes = this.#allocate(keyBytes + valueBytes + slackBytes);
    bytes.set(key.bytes.subarray(keyStart, keyEnd));
    bytes.set(value.bytes.subarray(valueStart, valueEnd), keyBytes);
    return this.#keep(bytes, keyBytes, valueBytes);
  }

  /** True where a freeze holds an entry, which may not be written then. */
  isShared(id: number): boolean {
    return this.get(id).birth <= this.#store.frozenUpTo;
  }

  /** An entry of the same bytes that may be written. Throws NO_MEMORY; nothing has changed then. */
  copy(id: number): number {
    const { bytes, keyBytes, valueBytes } = this.get(id);
    const copy = this.#allocate(bytes.length);
    copy.set(bytes);
    return this.#keep(copy, keyBytes, valueBytes);
  }

  /** Gives a value another length where its memory is about that long; false where it is not. */
  resize(id: number, valueBytes: number): boolean {
    const entry = this.get(id);
    const capacityBytes = entry.bytes.length - entry.keyBytes;
    if (valueBytes > capacityBytes || valueBytes < capacityBytes / 2) return false;
    entry.valueBytes = valueBytes;
    return true;
  }

  /** Writes a value in place where its entry is held by no freeze and is about that long; false where it was not written. */
  overwrite(id: number, value: ByteSource, valueStart: number, valueEnd: number): boolean {
    if (this.isShared(id) || !this.resize(id, valueEnd - valueStart)) return false;
    const entry = this.get(id);
    entry.bytes.set(value.bytes.subarray(valueStart, valueEnd), entry.keyBytes);
    return true;
  }

  /** The entry is no part of the live table any more. */
  retire(id: number): void {
    const { birth } = this.get(id);
    if (birth <= this.#store.frozenUpTo) this.#retired.push({ id, birth, death: this.#store.epoch });
    else this.#forget(id);
  }

  /** Forgets what no freeze holds any more. */
  releaseUnheld(): void {
    if (this.#retired.length === 0) return;
    this.#retired = this.#retired.filter(({ id, birth, death }) => {
      if (this.#store.isHeld(birth, death)) return true;
      this.#forget(id);
      return false;
    });
  }

  #allocate(sizeBytes: number): Uint8Array<ArrayBuffer> {
    this.#reserve(sizeBytes);
    return allocateBytes(sizeBytes);
  }

  #keep(bytes: Uint8Array<ArrayBuffer>, keyBytes: number, valueBytes: number): number {
    const id = this.#free.pop() ?? this.#entries.length;
    this.#entries[id] = { bytes, view: new DataView(bytes.buffer), keyBytes, valueBytes, birth: this.#store.epoch };
    this.#sizeBytes += bytes.length;
    return id;
  }

  #forget(id: number): void {
    this.#sizeBytes -= this.get(id).bytes.length;
    this.#entries[id] = undefined;
    this.#free.push(id);
  }
}
