import type { KeyGroupRange } from "../key-groups.js";
import { ByteReader } from "../serializers/index.js";
import { BinaryHeap } from "../timers/binary-heap.js";
import type { TableEntry } from "./frozen-table.js";
import type { KeyPositions } from "./key-positions.js";
import type { SegmentLayout } from "./segment-layout.js";

/** The places of a segment's entries, sorted, and how far they were given out. */
interface Run {
  readonly segment: number;
  readonly places: Uint32Array;
  readonly keyGroups: Uint16Array;
  next: number;
}

/** Sorts the entries of a few segments by (key group, key): each segment when it is added, and then by merging. */
export class SortedUnit {
  readonly #layout: SegmentLayout;
  readonly #positions: KeyPositions;
  readonly #wanted: KeyGroupRange;
  readonly #left = new ByteReader();
  readonly #right = new ByteReader();
  readonly #runs = new BinaryHeap<Run>((left, right) => this.#compareHeads(left, right) < 0);

  constructor(layout: SegmentLayout, positions: KeyPositions, wanted: KeyGroupRange) {
    this.#layout = layout;
    this.#positions = positions;
    this.#wanted = wanted;
  }

  add(segment: number): void {
    const layout = this.#layout;
    const key = this.#left;
    const found: { readonly at: number; readonly keyGroup: number }[] = [];
    for (let slot = layout.nextSlot(segment, 0); slot !== -1; slot = layout.nextSlot(segment, slot + 1)) {
      const at = layout.atSlot(segment, slot);
      layout.readKey(segment, at, key);
      const keyGroup = this.#positions.keyGroupOfKey(key, key.position, key.end);
      if (keyGroup >= this.#wanted.first && keyGroup <= this.#wanted.last) found.push({ at, keyGroup });
    }
    if (found.length === 0) return;
    found.sort((left, right) => left.keyGroup - right.keyGroup || this.#compareKeys(segment, left.at, segment, right.at));
    const places = Uint32Array.from(found, ({ at }) => at);
    const keyGroups = Uint16Array.from(found, ({ keyGroup }) => keyGroup);
    this.#runs.push({ segment, places, keyGroups, next: 0 });
  }

  *entries(): Generator<TableEntry, void, undefined> {
    const layout = this.#layout;
    const entry = { keyGroup: 0, key: new ByteReader(), value: new ByteReader() };
    for (let run = this.#runs.pop(); run !== undefined; run = this.#runs.pop()) {
      const at = run.places[run.next] as number;
      entry.keyGroup = run.keyGroups[run.next] as number;
      layout.readKey(run.segment, at, entry.key);
      layout.readValue(run.segment, at, entry.value);
      yield entry;
      run.next += 1;
      if (run.next < run.places.length) this.#runs.push(run);
    }
  }

  #compareHeads(left: Run, right: Run): number {
    return (
      (left.keyGroups[left.next] as number) - (right.keyGroups[right.next] as number) ||
      this.#compareKeys(left.segment, left.places[left.next] as number, right.segment, right.places[right.next] as number)
    );
  }

  #compareKeys(leftSegment: number, leftAt: number, rightSegment: number, rightAt: number): number {
    const left = this.#left;
    const right = this.#right;
    this.#layout.readKey(leftSegment, leftAt, left);
    this.#layout.readKey(rightSegment, rightAt, right);
    const length = Math.min(left.remaining, right.remaining);
    for (let i = 0; i < length; i += 1) {
      const difference = (left.bytes[left.position + i] as number) - (right.bytes[right.position + i] as number);
      if (difference !== 0) return difference;
    }
    return left.remaining - right.remaining;
  }
}
