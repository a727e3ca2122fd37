import { allocateBytes } from "./segment-store.js";

/** Slots of a chunk; every array is a part of one chunk. */
const chunkSlots = 64 * 1024;
const slotBytes = 4;

/**
 * Arrays of 2^bits slots, one for each segment, away from the entries and close together: a search reads a slot and then an entry, and
 * of the two only the entry should have to come from far memory.
 */
export class SlotArrays {
  /** The array of a segment is in chunk `place >>> 16`, from `place & 0xffff` on; `place` is `places[segment]`. */
  readonly chunks: Int32Array[] = [];
  places = new Uint32Array(16);
  /** By segment: log2 of its slots. */
  bits = new Uint8Array(16);
  readonly #reserve: (extraBytes: number) => void;
  /** Places that may be used, by bits. */
  readonly #free: number[][] = [];
  #usedBytes = 0;

  /** `reserve` is asked before every chunk but the first and throws where it would pass a limit. */
  constructor(reserve: (extraBytes: number) => void) {
    this.#reserve = reserve;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get reservedBytes(): number {
    return this.chunks.length * chunkSlots * slotBytes;
  }

  /** Makes sure that give() has an array of this size. Throws NO_MEMORY; nothing has changed then. */
  prepare(bits: number): void {
    const free = (this.#free[bits] ??= []);
    if (free.length > 0) return;
    const chunk = this.chunks.length;
    const sizeBytes = chunkSlots * slotBytes;
    if (chunk > 0) this.#reserve(sizeBytes);
    this.chunks.push(new Int32Array(allocateBytes(sizeBytes).buffer));
    for (let start = chunkSlots - (1 << bits); start >= 0; start -= 1 << bits) free.push(chunk * chunkSlots + start);
  }

  /** Gives a segment that has none an array of free slots. Needs prepare(). */
  give(segment: number, bits: number): void {
    if (segment >= this.places.length) this.#growArrays(segment);
    const place = (this.#free[bits] as number[]).pop() as number;
    this.places[segment] = place;
    this.bits[segment] = bits;
    this.#usedBytes += slotBytes << bits;
    const start = place & (chunkSlots - 1);
    (this.chunks[place >>> 16] as Int32Array).fill(0, start, start + (1 << bits));
  }

  /** Takes the array of a segment back. */
  take(segment: number): void {
    const bits = this.bits[segment] as number;
    (this.#free[bits] as number[]).push(this.places[segment] as number);
    this.#usedBytes -= slotBytes << bits;
  }

  /** Copies the slots of a segment to another one that has as many. */
  copy(from: number, to: number): void {
    const source = this.places[from] as number;
    const target = this.places[to] as number;
    const start = source & (chunkSlots - 1);
    const slots = (this.chunks[source >>> 16] as Int32Array).subarray(start, start + (1 << (this.bits[from] as number)));
    (this.chunks[target >>> 16] as Int32Array).set(slots, target & (chunkSlots - 1));
  }

  get(segment: number, slot: number): number {
    const place = this.places[segment] as number;
    return (this.chunks[place >>> 16] as Int32Array)[(place & (chunkSlots - 1)) + slot] as number;
  }

  set(segment: number, slot: number, entry: number): void {
    const place = this.places[segment] as number;
    (this.chunks[place >>> 16] as Int32Array)[(place & (chunkSlots - 1)) + slot] = entry;
  }

  #growArrays(segment: number): void {
    const length = Math.max(segment + 1, this.places.length * 2);
    const { places, bits } = this;
    (this.places = new Uint32Array(length)).set(places);
    (this.bits = new Uint8Array(length)).set(bits);
  }
}
