import { type ByteReader, ByteWriter } from "../serializers/index.js";

/** Whether keys come in order, each once. */
export class KeyOrder {
  readonly #last = new ByteWriter({ maxBytes: 0x7fff_ffff });
  #isFirst = true;

  /** True when `key` is above the key of the call before. */
  isNext(key: ByteReader): boolean {
    const isAbove = this.#isFirst || isBelow(this.#last, key);
    this.#isFirst = false;
    this.#last.reset();
    this.#last.raw(key.bytes, key.position, key.end);
    return isAbove;
  }
}

function isBelow(left: ByteWriter, right: ByteReader): boolean {
  const common = Math.min(left.length, right.remaining);
  for (let index = 0; index < common; index += 1) {
    const difference = (left.bytes[index] as number) - (right.bytes[right.position + index] as number);
    if (difference !== 0) return difference < 0;
  }
  return left.length < right.remaining;
}
