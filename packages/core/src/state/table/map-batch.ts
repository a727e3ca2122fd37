import type { ByteSource } from "../serializers/byte-source.js";
import { ByteWriter } from "../serializers/index.js";

/** A batch of so many bytes is put before more is added. */
const fullBytes = 64 * 1024;

/** Encoded entries of a map, collected so that a map is looked up once for several of them. */
export class MapBatch {
  /** Keys and values, each behind the one before. */
  readonly bytes = new ByteWriter({ maxBytes: 0x7fff_ffff });
  /** Where each key and each value ends. */
  readonly #ends: number[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.bytes.length >= fullBytes;
  }

  clear(): void {
    this.bytes.reset();
    this.#count = 0;
  }

  add(key: ByteSource, keyStart: number, keyEnd: number, value: ByteWriter): void {
    const at = 2 * this.#count;
    this.bytes.rawWords(key, keyStart, keyEnd);
    this.#ends[at] = this.bytes.length;
    this.bytes.rawWords(value, 0, value.length);
    this.#ends[at + 1] = this.bytes.length;
    this.#count += 1;
  }

  keyStart(index: number): number {
    return index === 0 ? 0 : (this.#ends[2 * index - 1] as number);
  }

  keyEnd(index: number): number {
    return this.#ends[2 * index] as number;
  }

  valueEnd(index: number): number {
    return this.#ends[2 * index + 1] as number;
  }
}
