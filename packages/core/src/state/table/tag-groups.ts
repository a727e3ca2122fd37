/**
 * Eight tags of a byte each are compared at once, as two 32-bit words. A lookup so has no branch that depends on where in a group an
 * entry lies: a wrongly predicted one makes the processor wait for memory instead of going on with the next lookup.
 */
export const groupSlots = 8;

/** A bit for each byte of the two words that equals `tag`: bits 0 to 3 for `low`, lowest byte first, 4 to 7 for `high`. */
export function matchTags(low: number, high: number, tag: number): number {
  const pattern = Math.imul(tag, 0x0101_0101);
  const first = low ^ pattern;
  const second = high ^ pattern;
  // 0x80 where the byte is 0: adding 0x7f carries into the top bit of every other byte, without crossing into the next.
  const firstMarks = ~(((first & 0x7f7f_7f7f) + 0x7f7f_7f7f) | first | 0x7f7f_7f7f);
  const secondMarks = ~(((second & 0x7f7f_7f7f) + 0x7f7f_7f7f) | second | 0x7f7f_7f7f);
  // The multiplication gathers the four marks of a word in four neighbouring bits.
  return (Math.imul(firstMarks >>> 7, 0x0102_0408) >>> 24) | ((Math.imul(secondMarks >>> 7, 0x0102_0408) >>> 24) << 4);
}

/** The number of the highest bit that is set. */
export function highestBit(bits: number): number {
  return 31 - Math.clz32(bits);
}

/** A byte that tells most keys apart and is never 0, the tag of an empty slot. */
export function tagOf(probe: number): number {
  const tag = (probe >>> 8) & 0xff;
  return tag + ((tag - 1) >>> 31);
}
