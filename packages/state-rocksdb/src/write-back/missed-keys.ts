/** About as many as a segment has entries of 100 bytes, so that about as many misses are known as the table has room for. */
const missesPerSegment = 256;
const mostMisses = 2 ** 22;

/** Which keys were missed of late, by their hashes: a byte of each, where newer misses overwrite older ones. May take one for another. */
export class MissedKeys {
  readonly #tags: Uint8Array;

  /** Takes less than a hundredth of the table's memory. */
  constructor(tableSegments: number) {
    this.#tags = new Uint8Array(Math.min(mostMisses, 2 ** Math.floor(Math.log2(tableSegments * missesPerSegment))));
  }

  get sizeBytes(): number {
    return this.#tags.length;
  }

  /** True where the key of this hash was missed not long ago; from now on it was. */
  again(hash: number): boolean {
    const tags = this.#tags;
    // Never 0, which is what a place has that nothing was missed at.
    const tag = (hash >>> 24) | 1;
    // The places of a segment's keys, which share the first bits of their hashes, are all over.
    const place = Math.imul(hash, 0x9e37_79b1) >>> 8 & (tags.length - 1);
    if (tags[place] === tag) return true;
    tags[place] = tag;
    return false;
  }
}
