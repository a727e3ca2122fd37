import type { ByteSource } from "../serializers/byte-source.js";
import { type KeyGroupRange, keyGroupCount, keyGroupOf, signedMurmur3Of } from "../key-groups.js";

/** The hash of a key's bytes: a 32-bit integer, signed or not. */
export type KeyHash = (bytes: Uint8Array, start: number, end: number) => number;

/** Bits that tell the key groups of a range apart, 1 at least. */
export function keyGroupBitsOf(keyGroups: KeyGroupRange): number {
  return Math.max(1, Math.ceil(Math.log2(keyGroupCount(keyGroups))));
}

/**
 * The position of a key whose key group is the `keyGroup`th of a range. The key group is the hash modulo max parallelism, so it says
 * nothing new about the hash's low bits; a multiplication carries what they leave to the high ones.
 */
export function positionIn(keyGroup: number, hash: number, keyGroupBits: number): number {
  return (keyGroup << (32 - keyGroupBits)) | (Math.imul(hash, 0x9e37_79b1) >>> keyGroupBits);
}

/**
 * Positions of keys: 32-bit numbers, first by key group and within one by the rest of the hash, so that the entries of a key group lie
 * together however many key groups there are.
 */
export class KeyPositions {
  readonly keyGroups: KeyGroupRange;
  // Numbers that look-ups need begin as numbers: the engine then need not ask at each use what they are.
  /** Bits that tell the key groups of the range apart, 1 at least. */
  readonly keyGroupBits: number = 0;
  readonly #firstKeyGroup: number = 0;
  readonly #maxParallelism: number;
  readonly #hash: KeyHash | undefined;
  readonly #hasPrefix: boolean;

  /** `hash`: default murmur3. `hasPrefix`: keys begin with their key group in two bytes, big endian, and the hash is that of the rest. */
  constructor(keyGroups: KeyGroupRange, maxParallelism: number, hash?: KeyHash, hasPrefix = false) {
    this.keyGroups = keyGroups;
    this.keyGroupBits = keyGroupBitsOf(keyGroups);
    this.#firstKeyGroup = keyGroups.first;
    this.#maxParallelism = maxParallelism;
    this.#hash = hash;
    this.#hasPrefix = hasPrefix;
  }

  of(keyGroup: number, hash: number): number {
    return positionIn(keyGroup - this.#firstKeyGroup, hash, this.keyGroupBits);
  }

  /** The key group of a position. */
  keyGroupAt(position: number): number {
    return this.#firstKeyGroup + (position >>> (32 - this.keyGroupBits));
  }

  ofKey(key: ByteSource, start: number, end: number): number {
    const hash = this.#hashOf(key, start, end);
    return this.of(this.#hasPrefix ? key.view.getUint16(start, false) : keyGroupOf(hash, this.#maxParallelism), hash);
  }

  keyGroupOfKey(key: ByteSource, start: number, end: number): number {
    return this.#hasPrefix ? key.view.getUint16(start, false) : keyGroupOf(this.#hashOf(key, start, end), this.#maxParallelism);
  }

  /** The smallest and the largest position of a range of key groups. */
  bounds(keyGroups: KeyGroupRange): { readonly first: number; readonly last: number } {
    const width = 2 ** (32 - this.keyGroupBits);
    return { first: (keyGroups.first - this.keyGroups.first) * width, last: (keyGroups.last + 1 - this.keyGroups.first) * width - 1 };
  }

  #hashOf(key: ByteSource, start: number, end: number): number {
    const from = this.#hasPrefix ? start + 2 : start;
    return this.#hash === undefined ? signedMurmur3Of(key, from, end) : this.#hash(key.bytes, from, end);
  }
}
