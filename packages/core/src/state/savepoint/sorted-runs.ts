import type { EntryConsumer } from "../entries/entry-file-reader.js";
import { ByteReader, ByteWriter } from "../serializers/index.js";
import { BinaryHeap } from "../timers/binary-heap.js";

/** A run is sorted once it holds this much: sorting one takes a few milliseconds and is never interrupted. */
const runTargetBytes = 256 * 1024;
/** An entry in a run: `key length (4) | value length (4) | key | value`. */
const lengthsBytes = 8;

/** Entries in one piece of memory, and where they are. */
class Run {
  /** No limit of its own: a run ends behind the entry that fills it. */
  readonly content = new ByteWriter({ initialBytes: 4096, maxBytes: 0x7fff_ffff });
  readonly positions: number[] = [];
  next = 0;

  sort(): void {
    this.positions.sort((left, right) => compareKeys(this.content, left, this.content, right));
  }
}

/** Sorts entries of any number by their keys: in runs when they are added, then by merging the runs step by step. */
export class SortedRuns {
  #runs: Run[] = [];
  #current = new Run();
  #sizeBytes = 0;

  /** Memory taken by the entries. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  add(key: ByteWriter, value: ByteWriter): void {
    const { content, positions } = this.#current;
    positions.push(content.length);
    content.u32(key.length);
    content.u32(value.length);
    content.raw(key.bytes, 0, key.length);
    content.raw(value.bytes, 0, value.length);
    this.#sizeBytes += lengthsBytes + key.length + value.length;
    if (content.length >= runTargetBytes) this.#endRun();
  }

  /** Forgets the entries whose keys `isWanted` does not want, one run with each step. The reader stands at the key. */
  *retain(isWanted: (key: ByteReader) => boolean): Generator<void, void, undefined> {
    this.#endRun();
    for (const [index, run] of this.#runs.entries()) {
      const retained = retainedOf(run, isWanted);
      this.#runs[index] = retained;
      this.#sizeBytes += retained.content.length - run.content.length;
      yield;
    }
    this.#runs = this.#runs.filter(({ positions }) => positions.length > 0);
  }

  /** Gives the entries out in order, one with each step. */
  *entries(visit: EntryConsumer): Generator<void, void, undefined> {
    this.#endRun();
    const heap = new BinaryHeap<Run>((left, right) => {
      const [leftAt, rightAt] = [left.positions[left.next] as number, right.positions[right.next] as number];
      return compareKeys(left.content, leftAt, right.content, rightAt) < 0;
    });
    for (const run of this.#runs) heap.push(run);
    const key = new ByteReader();
    const value = new ByteReader();
    for (let run = heap.pop(); run !== undefined; run = heap.pop()) {
      const { content } = run;
      const position = run.positions[run.next] as number;
      const start = position + lengthsBytes;
      const keyEnd = start + content.view.getUint32(position, true);
      key.reset(content.bytes, start, keyEnd);
      value.reset(content.bytes, keyEnd, keyEnd + content.view.getUint32(position + 4, true));
      visit(key, value);
      yield;
      run.next += 1;
      if (run.next < run.positions.length) heap.push(run);
    }
  }

  #endRun(): void {
    if (this.#current.positions.length === 0) return;
    this.#current.sort();
    this.#runs.push(this.#current);
    this.#current = new Run();
  }
}

/** A part of a run, in the order of the whole. */
function retainedOf({ content, positions }: Run, isWanted: (key: ByteReader) => boolean): Run {
  const retained = new Run();
  const key = new ByteReader();
  for (const position of positions) {
    const start = position + lengthsBytes;
    const keyEnd = start + content.view.getUint32(position, true);
    key.reset(content.bytes, start, keyEnd);
    if (!isWanted(key)) continue;
    retained.positions.push(retained.content.length);
    retained.content.raw(content.bytes, position, keyEnd + content.view.getUint32(position + 4, true));
  }
  return retained;
}

function compareKeys(left: ByteWriter, leftAt: number, right: ByteWriter, rightAt: number): number {
  const leftLength = left.view.getUint32(leftAt, true);
  const rightLength = right.view.getUint32(rightAt, true);
  const common = Math.min(leftLength, rightLength);
  const { bytes: leftBytes } = left;
  const { bytes: rightBytes } = right;
  // A loop: keys are short, and a call of Buffer.compare costs more than its work.
  for (let index = lengthsBytes; index < lengthsBytes + common; index += 1) {
    const difference = (leftBytes[leftAt + index] as number) - (rightBytes[rightAt + index] as number);
    if (difference !== 0) return difference;
  }
  return leftLength - rightLength;
}
