import { StateError } from "../../errors/index.js";
import type { KeyGroupRange } from "../key-groups.js";
import { ByteReader } from "../serializers/index.js";
import type { KeyPositions } from "./key-positions.js";
import type { SegmentLayout } from "./segment-layout.js";
import { SortedUnit } from "./sorted-unit.js";

/** An entry that an iteration stands at. One object serves all of them: what it says holds until the next step. */
export interface TableEntry {
  readonly keyGroup: number;
  readonly key: ByteReader;
  readonly value: ByteReader;
}

/** Goes over the entries of a segment and of those behind it in its chain. */
class ChainReader {
  readonly entry = { keyGroup: 0, key: new ByteReader(), value: new ByteReader() };
  readonly #layout: SegmentLayout;
  readonly #positions: KeyPositions;
  readonly #wanted: KeyGroupRange;
  #segment = -1;
  #slot = 0;

  constructor(layout: SegmentLayout, positions: KeyPositions, wanted: KeyGroupRange) {
    this.#layout = layout;
    this.#positions = positions;
    this.#wanted = wanted;
  }

  begin(head: number): void {
    this.#segment = head;
    this.#slot = 0;
  }

  /** Goes to the next wanted entry; false at the end. */
  next(): boolean {
    const layout = this.#layout;
    const { entry } = this;
    while (this.#segment !== -1) {
      const slot = layout.nextSlot(this.#segment, this.#slot);
      if (slot === -1) {
        this.begin((layout.store.next[this.#segment] as number) - 1);
        continue;
      }
      this.#slot = slot + 1;
      const at = layout.atSlot(this.#segment, slot);
      layout.readKey(this.#segment, at, entry.key);
      entry.keyGroup = this.#positions.keyGroupOfKey(entry.key, entry.key.position, entry.key.end);
      if (entry.keyGroup < this.#wanted.first || entry.keyGroup > this.#wanted.last) continue;
      layout.readValue(this.#segment, at, entry.value);
      return true;
    }
    return false;
  }
}

/** The contents of a table at a freeze. They are never written; a write to the table copies what it touches. */
export class FrozenTable {
  /** Entries at the freeze. */
  readonly size: number;
  readonly #layout: SegmentLayout;
  readonly #positions: KeyPositions;
  readonly #cells: Uint32Array;
  readonly #epoch: number;
  readonly #onRelease: () => void;
  /** Segments of cells below this one were given back while they were visited. */
  #releasedCells = 0;
  #isReleased = false;

  /** Made by StateTable.freeze(). */
  constructor(layout: SegmentLayout, positions: KeyPositions, cells: Uint32Array, size: number, onRelease: () => void) {
    this.#layout = layout;
    this.#positions = positions;
    this.#cells = cells;
    this.size = size;
    this.#epoch = layout.store.freeze();
    this.#onRelease = onRelease;
  }

  /** All entries, in no particular order. The table may be changed between two steps. Throws DISPOSED after release(). */
  *entries(keyGroups: KeyGroupRange = this.#positions.keyGroups): Generator<TableEntry, void, undefined> {
    const { first, last } = this.#cellsOf(keyGroups);
    const chain = new ChainReader(this.#layout, this.#positions, keyGroups);
    for (let cell = first; cell <= last; cell = this.#nextRun(cell)) {
      chain.begin(this.#segment(cell));
      while (chain.next()) {
        yield chain.entry;
        this.#requireHeld();
      }
    }
  }

  /**
   * All entries, for the only or last time: a segment is given back as soon as it was visited, so writes to it need no copy any more.
   * Does the same as entries() while another freeze is held. What was visited cannot be read again: a second call goes on behind it.
   */
  *takeEntries(): Generator<TableEntry, void, undefined> {
    let mayRelease = true;
    const chain = new ChainReader(this.#layout, this.#positions, this.#positions.keyGroups);
    for (let cell = this.#releasedCells; cell < this.#cells.length; ) {
      const segment = this.#segment(cell);
      chain.begin(segment);
      while (chain.next()) {
        yield chain.entry;
        this.#requireHeld();
      }
      cell = this.#nextRun(cell);
      mayRelease &&= this.#layout.store.isOnlyFreeze(this.#epoch);
      if (!mayRelease) continue;
      this.#eachOfChain(segment, (member) => this.#layout.store.releaseEarly(member));
      this.#releasedCells = cell;
    }
  }

  /**
   * Entries in byte order of (key group, key). A step that gives undefined did some of the sorting: a moment at which the caller may
   * pause. Takes memory for the keys' places in one key group. Throws DISPOSED after release().
   */
  *sortedEntries(keyGroups: KeyGroupRange = this.#positions.keyGroups): Generator<TableEntry | undefined, void, undefined> {
    const { store } = this.#layout;
    const { first, last } = this.#cellsOf(keyGroups);
    for (let cell = first; cell <= last; ) {
      const segment = this.#segment(cell);
      // A unit is one segment with several key groups, or one key group with several segments.
      const depth = Math.min(store.depth[segment] as number, this.#positions.keyGroupBits);
      const span = this.#cells.length / 2 ** depth;
      const unitStart = cell - (cell % span);
      const unit = new SortedUnit(this.#layout, this.#positions, keyGroups);
      for (cell = unitStart; cell < unitStart + span; cell = this.#nextRun(cell)) {
        for (let member = this.#segment(cell); member !== -1; member = (store.next[member] as number) - 1) {
          unit.add(member);
          yield undefined;
          this.#requireHeld();
        }
      }
      for (const entry of unit.entries()) {
        yield entry;
        this.#requireHeld();
      }
    }
  }

  /** Gives the memory back. A second call does nothing. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    const { store } = this.#layout;
    store.endFreeze(this.#epoch);
    for (let cell = this.#releasedCells; cell < this.#cells.length; ) {
      const segment = this.#cells[cell] as number;
      do cell += 1;
      while (this.#cells[cell] === segment);
      this.#eachOfChain(segment, (member) => store.releaseSegment(member));
    }
    this.#layout.releaseUnheld();
    this.#onRelease();
  }

  #segment(cell: number): number {
    this.#requireHeld();
    return this.#cells[cell] as number;
  }

  #nextRun(cell: number): number {
    const segment = this.#cells[cell];
    let next = cell + 1;
    while (this.#cells[next] === segment) next += 1;
    return next;
  }

  #cellsOf(keyGroups: KeyGroupRange): { readonly first: number; readonly last: number } {
    const { first, last } = this.#positions.bounds(keyGroups);
    const width = 2 ** 32 / this.#cells.length;
    return { first: Math.floor(first / width), last: Math.min(Math.floor(last / width), this.#cells.length - 1) };
  }

  #eachOfChain(head: number, visit: (segment: number) => void): void {
    for (let segment = head; segment !== -1; ) {
      // Read before the visit, which may give the segment away.
      const next = (this.#layout.store.next[segment] as number) - 1;
      visit(segment);
      segment = next;
    }
  }

  #requireHeld(): void {
    if (this.#isReleased) throw new StateError("DISPOSED", "a frozen table was read after it was released; read it before release()");
  }
}
