import { KeyArena, stagedPlace } from "./key-index-arena.js";
import { KeyLeaves } from "./key-index-leaves.js";
import { SortablePlaces } from "./key-index-sort.js";

/** Fewer new keys than this are inserted as they came. */
const fewKeys = 16;
/** New keys are merged with all others, not inserted one by one, where they are at least this part of them. */
const mergedPart = 1 / 4;
/** Room to sort in that is kept for the next time. */
const keptSortCapacity = 1024;

const noBytes = new Uint8Array(0);

/** A position in a `KeyIndex`. Its bytes are memory of the index: read them, never write. */
export interface KeyCursor {
  /** The current key is `bytes[start .. end)`. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** False behind the last key; it stays false then, and the key is empty. */
  readonly isValid: boolean;
  /** Goes to the next key. Does nothing where the cursor is not valid. */
  next(): void;
}

/**
 * A set of keys (byte strings) in memcmp order, of up to some millions, in a few pieces of flat memory. Keys are only
 * ever added; the whole index is dropped at once.
 *
 * `add()` copies the key and no more. The keys since the last `seek()` are ordered in by the next one, so who never
 * seeks never pays for order.
 */
export class KeyIndex {
  readonly #arena: KeyArena;
  readonly #ordered: OrderedKeys;
  #sortable: SortablePlaces;
  /** Keys that were added and are not in order yet; they are the last of the arena. */
  #unordered = 0;
  #lastOrdered = stagedPlace;

  /** `arena` is another than the default in tests only. */
  constructor(arena = new KeyArena()) {
    this.#arena = arena;
    this.#ordered = { arena, leaves: new KeyLeaves(arena), version: 0 };
    this.#sortable = new SortablePlaces(arena, 0);
  }

  /** How many keys were added. A key that was added again counts again until the next `seek()`. */
  get size(): number {
    return this.#ordered.leaves.size + this.#unordered;
  }

  /** Bytes of memory held. Ordering many new keys takes 8 bytes a new key more while it lasts. */
  get sizeBytes(): number {
    return this.#arena.sizeBytes + this.#ordered.leaves.sizeBytes + this.#sortable.capacity * 8;
  }

  /**
   * Adds the key `bytes[start .. end)`, of which it keeps a copy. A key that was added before is ignored, but its copy
   * takes memory. Throws INVALID_ARGUMENT where there is no such range, KEY_TOO_LARGE past 1 GiB, NO_MEMORY past
   * 16 GiB of keys.
   */
  add(bytes: Uint8Array, start: number, end: number): void {
    this.#arena.append(bytes, start, end);
    this.#unordered += 1;
  }

  /**
   * A cursor at the first key at or above `lower[start .. end)`. Keys that are added while it is open may or may not be
   * seen; it goes on in order and gives no key twice. Throws INVALID_ARGUMENT and KEY_TOO_LARGE as `add()`.
   */
  seek(lower: Uint8Array, start: number, end: number): KeyCursor {
    if (this.#unordered > 0) this.#orderNew();
    this.#arena.stage(lower, start, end);
    return new LeafCursor(this.#ordered, stagedPlace);
  }

  #orderNew(): void {
    this.#ordered.version += 1;
    if (this.#unordered < fewKeys) {
      while (this.#unordered > 0) {
        const place = this.#arena.after(this.#lastOrdered);
        this.#ordered.leaves.insert(place);
        this.#lastOrdered = place;
        this.#unordered -= 1;
      }
      return;
    }
    const last = this.#sortNew();
    const { leaves } = this.#ordered;
    const sorted = this.#sortable;
    // Neighbours in order go to the same leaf, whose keys are in the processor's cache then.
    if (sorted.length < leaves.size * mergedPart) for (let i = 0; i < sorted.length; i += 1) leaves.insert(sorted.at(i));
    else this.#ordered.leaves = leaves.mergedWith(sorted);
    this.#lastOrdered = last;
    this.#unordered = 0;
    if (sorted.capacity > keptSortCapacity) this.#sortable = new SortablePlaces(this.#arena, 0);
  }

  /** Sorts the new keys and returns the place of the one that was added last. */
  #sortNew(): number {
    const count = this.#unordered;
    if (this.#sortable.capacity < count) this.#sortable = new SortablePlaces(this.#arena, Math.max(count, keptSortCapacity));
    const sortable = this.#sortable;
    sortable.clear();
    let place = this.#lastOrdered;
    for (let i = 0; i < count; i += 1) {
      place = this.#arena.after(place);
      sortable.push(place);
    }
    sortable.sort();
    return place;
  }
}

/** What an index and its cursors share. */
interface OrderedKeys {
  readonly arena: KeyArena;
  leaves: KeyLeaves;
  /** Grows whenever places moved. */
  version: number;
}

class LeafCursor implements KeyCursor {
  bytes: Uint8Array = noBytes;
  start = 0;
  end = 0;
  isValid = false;
  readonly #ordered: OrderedKeys;
  #version = 0;
  #leaf = 0;
  #slot = 0;
  #place = 0;

  /** At the first key at or above that of `place`. */
  constructor(ordered: OrderedKeys, place: number) {
    this.#ordered = ordered;
    this.#find(place);
    this.#load();
  }

  next(): void {
    if (!this.isValid) return;
    if (this.#version !== this.#ordered.version) this.#find(this.#place);
    this.#slot += 1;
    this.#load();
  }

  #find(place: number): void {
    const { leaves, version } = this.#ordered;
    leaves.find(place);
    this.#leaf = leaves.foundLeaf;
    this.#slot = leaves.foundSlot;
    this.#version = version;
  }

  /** Shows the key at the slot, which may be one past the last of its leaf. */
  #load(): void {
    const { leaves, arena } = this.#ordered;
    if (this.#leaf < leaves.leafCount && this.#slot >= leaves.countOf(this.#leaf)) {
      this.#leaf += 1;
      this.#slot = 0;
    }
    this.isValid = this.#leaf < leaves.leafCount;
    if (this.isValid) {
      this.#place = leaves.placeAt(this.#leaf, this.#slot);
      this.bytes = arena.chunks[this.#place >>> 16] as Uint8Array;
      this.start = ((this.#place & 0xffff) << 2) + 4;
      this.end = this.start + arena.lengthOf(this.#place);
    } else {
      this.bytes = noBytes;
      this.start = 0;
      this.end = 0;
    }
  }
}
