import type { ValueCodec } from "../bytes/value-codec.js";
import type { ByteSource } from "../serializers/byte-source.js";
import { ByteWriter, type KeySerializer } from "../serializers/index.js";

/** A batch of so many bytes is put before more is added. */
const fullBytes = 64 * 1024;

/** Encoded entries of a map, collected so that a map is looked up once for several of them. */
export class MapBatch<UK, UV> {
  /** Keys and values, each behind the one before. */
  readonly bytes = new ByteWriter({ maxBytes: 0x7fff_ffff });
  /** Whether all map keys have one size and all values too. */
  readonly isOfFixed: boolean;
  readonly #mapKeys: KeySerializer<UK>;
  readonly #values: ValueCodec<UV>;
  /** Where each key and each value ends. */
  readonly #ends: number[] = [];
  #count = 0;

  constructor(mapKeys: KeySerializer<UK>, values: ValueCodec<UV>) {
    this.#mapKeys = mapKeys;
    this.#values = values;
    this.isOfFixed = mapKeys.fixedKeyBytes !== undefined && values.fixedSizeBytes !== undefined;
  }

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

  /** Encodes an entry where it belongs. Only for entries of fixed sizes: nothing here refuses those that are too large. */
  addFixed(key: UK, value: UV): void {
    this.#mapKeys.writeKey(key, this.bytes);
    this.#endKey();
    this.#values.write(value, this.bytes);
    this.#endValue();
  }

  add(key: ByteSource, keyStart: number, keyEnd: number, value: ByteWriter): void {
    this.bytes.rawWords(key, keyStart, keyEnd);
    this.#endKey();
    this.bytes.rawWords(value, 0, value.length);
    this.#endValue();
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

  #endKey(): void {
    this.#ends[2 * this.#count] = this.bytes.length;
  }

  #endValue(): void {
    this.#ends[2 * this.#count + 1] = this.bytes.length;
    this.#count += 1;
  }
}
