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

/** Goes over the entries of some segments and of those behind them in their chains. */
export class FrozenCursor {
  /** What next() went to. */
  readonly entry = { keyGroup: 0, key: new ByteReader(), value: new ByteReader() };
  readonly #layout: SegmentLayout;
  readonly #positions: KeyPositions;
  readonly #wanted: KeyGroupRange;
  readonly #nextHead: () => number;
  readonly #requireHeld: () => void;
  #segment = -1;
  #slot = 0;

  /** Made by FrozenTable. `nextHead` gives one segment after the other and -1 at the end, `requireHeld` throws after a release. */
  constructor(layout: SegmentLayout, positions: KeyPositions, wanted: KeyGroupRange, nextHead: () => number, requireHeld: () => void) {
    this.#layout = layout;
    this.#positions = positions;
    this.#wanted = wanted;
    this.#nextHead = nextHead;
    this.#requireHeld = requireHeld;
  }

  /** Goes to the next wanted entry; false at the end. Throws DISPOSED after the table's release(). */
  next(): boolean {
    const layout = this.#layout;
    const { entry } = this;
    this.#requireHeld();
    for (;;) {
      if (this.#segment === -1 && (this.#segment = this.#nextHead()) === -1) return false;
      const slot = layout.nextSlot(this.#segment, this.#slot);
      if (slot === -1) {
        this.#segment = (layout.store.next[this.#segment] as number) - 1;
        this.#slot = 0;
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
    const cursor = this.cursor(keyGroups);
    while (cursor.next()) yield cursor.entry;
  }

  /** entries() as a cursor: a generator takes longer for each entry than reading it does. */
  cursor(keyGroups: KeyGroupRange = this.#positions.keyGroups): FrozenCursor {
    const { first, last } = this.#cellsOf(keyGroups);
    let cell = first;
    return this.#cursor(keyGroups, () => {
      if (cell > last) return -1;
      const segment = this.#cells[cell] as number;
      cell = this.#nextRun(cell);
      return segment;
    });
  }

  /**
   * All entries, for the only or last time: a segment is given back as soon as it was visited, so writes to it need no copy any more.
   * Does the same as cursor() while another freeze is held. What was visited cannot be read again: a second cursor goes on behind it.
   */
  takingCursor(): FrozenCursor {
    const { store } = this.#layout;
    let mayRelease = true;
    let cell = this.#releasedCells;
    let visited = -1;
    return this.#cursor(this.#positions.keyGroups, () => {
      mayRelease &&= store.isOnlyFreeze(this.#epoch);
      if (visited !== -1 && mayRelease) {
        this.#eachOfChain(visited, (member) => store.releaseEarly(member));
        this.#releasedCells = cell;
      }
      if (cell >= this.#cells.length) return -1;
      visited = this.#cells[cell] as number;
      cell = this.#nextRun(cell);
      return visited;
    });
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

  #cursor(keyGroups: KeyGroupRange, nextHead: () => number): FrozenCursor {
    return new FrozenCursor(this.#layout, this.#positions, keyGroups, nextHead, () => this.#requireHeld());
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
