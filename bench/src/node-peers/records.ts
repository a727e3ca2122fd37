import { SeededRandom } from "@tidemark/core/testing";

/** Keys are texts of so many characters and bytes. */
export const keyLength = 16;

const headerBytes = 8;

/** Keys drawn at random: their texts, which no one has seen before, and their indices. */
export interface Draw {
  readonly keys: readonly string[];
  readonly indices: Int32Array;
}

/**
 * The keys and values of a measurement, in an order that all systems share, and a model of what each key must hold. A value is the number
 * of times that one was added to it, the index of its key, and bytes that do not compress.
 */
export class Records {
  readonly keyCount: number;
  readonly valueBytes: number;
  readonly #counts: Uint32Array;
  readonly #random: SeededRandom;
  readonly #expected: Buffer;
  readonly #keyBytes = Buffer.alloc(keyLength);

  constructor(keyCount: number, valueBytes: number, seed: number) {
    this.keyCount = keyCount;
    this.valueBytes = valueBytes;
    this.#counts = new Uint32Array(keyCount);
    this.#random = new SeededRandom(seed);
    this.#expected = Buffer.alloc(valueBytes);
  }

  /** The key of an index: 16 hexadecimal digits, the first eight of which no other has. A new flat text at each call. */
  keyOf(index: number): string {
    writeHex(this.#keyBytes, 0, mixed(index));
    writeHex(this.#keyBytes, 8, mixed(index ^ 0x5bd1_e995));
    return this.#keyBytes.toString("latin1");
  }

  keys(from: number, to: number): string[] {
    return Array.from({ length: to - from }, (_, offset) => this.keyOf(from + offset));
  }

  /** What a key holds before anything was added. */
  firstValue(index: number): Buffer {
    return fill(Buffer.allocUnsafe(this.valueBytes), index, 0);
  }

  /** The next keys of the order: uniformly random, so that one may come twice. */
  next(count: number): Draw {
    const indices = Int32Array.from({ length: count }, () => this.#random.below(this.keyCount));
    return { keys: Array.from(indices, (index) => this.keyOf(index)), indices };
  }

  /** One was added to each of these. */
  added({ indices }: Draw): void {
    for (const index of indices) this.#counts[index] = (this.#counts[index] as number) + 1;
  }

  /** How often one was added to each key, as it is now. */
  counts(): Uint32Array {
    return this.#counts.slice();
  }

  /** Whether a value is the one of a key; `counts` says at what time, now without. */
  holds(index: number, value: Uint8Array | undefined, counts: Uint32Array = this.#counts): boolean {
    if (value?.length !== this.valueBytes) return false;
    const expected = fill(this.#expected, index, counts[index] as number);
    for (let at = 0; at < expected.length; at += 1) if (value[at] !== expected[at]) return false;
    return true;
  }

  /** The sum that readers of these keys must come to: of checkedByte() of each value. */
  expectedSum({ indices }: Draw): number {
    let sum = 0;
    for (const index of indices) sum += ((this.#counts[index] as number) & 0xff) + (index & 0xff);
    return sum;
  }
}

/** A number from a value that is cheap to make and differs between keys and versions. NaN without a value. */
export function checkedByte(value: Uint8Array | undefined): number {
  return value === undefined ? Number.NaN : (value[0] as number) + (value[4] as number);
}

/** The index that a value says it belongs to. NaN when it is too short. */
export function indexIn(value: Uint8Array): number {
  if (value.length < headerBytes) return Number.NaN;
  return new DataView(value.buffer, value.byteOffset).getUint32(4, true);
}

function fill(value: Buffer, index: number, count: number): Buffer {
  value.writeUInt32LE(count, 0);
  value.writeUInt32LE(index, 4);
  let state = mixed(index + 1) | 1;
  for (let at = headerBytes; at < value.length; at += 1) {
    if ((at & 3) === 0) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
    }
    value[at] = state >>> ((at & 3) << 3);
  }
  return value;
}

/** The finalizer of MurmurHash3: every number has another result. */
function mixed(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const digits = Buffer.from("0123456789abcdef");

function writeHex(target: Buffer, at: number, value: number): void {
  for (let digit = 0; digit < 8; digit += 1) target[at + digit] = digits[(value >>> (28 - 4 * digit)) & 15] as number;
}
