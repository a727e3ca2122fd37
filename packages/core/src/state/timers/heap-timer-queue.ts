import { HashKeys, type HashKey } from "../heap/hash-key.js";
import type { EntryVisitor, HeapState } from "../heap/heap-state.js";
import { SnapshotMap } from "../heap/snapshot-map.js";
import { entryPrefixBytes, type KeyContext } from "../key-context.js";
import { type ByteReader, ByteWriter } from "../serializers/index.js";
import { BinaryHeap } from "./binary-heap.js";
import type { Timer, TimerQueue } from "./timer-queue.js";
import { checkTimerTime, readTimerTime, writeTimerTime } from "./timer-time.js";

interface HeapTimer<K> extends Timer<K> {
  readonly keyGroup: number;
  /** Encoded key: decides ties like the order of stored timers does. */
  readonly encodedKey: Uint8Array;
}

const noValue = new ByteWriter();

/** Timers on the heap: a map for "at most one each" and snapshots, a binary heap for their order. */
export class HeapTimerQueue<K> implements TimerQueue<K>, HeapState {
  readonly #context: KeyContext<K>;
  readonly #stateId: number;
  readonly #hashKeys: HashKeys<K>;
  readonly #timers = new SnapshotMap<string, HeapTimer<K>>();
  /** May hold timers that were deleted; they are skipped. */
  readonly #order = new BinaryHeap<HeapTimer<K>>(isBefore);
  #frozen: ReadonlyMap<string, HeapTimer<K>> | undefined;

  constructor(context: KeyContext<K>, stateId: number) {
    this.#context = context;
    this.#stateId = stateId;
    this.#hashKeys = new HashKeys(context.serializer);
  }

  get size(): number {
    return this.#timers.size;
  }

  register(timeMs: number): boolean {
    checkTimerTime(timeMs);
    const entry = this.#context.entryKey(this.#stateId);
    return this.#add({
      timeMs,
      key: this.#context.key,
      keyGroup: this.#context.keyGroup,
      encodedKey: entry.bytes.slice(entryPrefixBytes, entry.length),
    });
  }

  delete(timeMs: number): boolean {
    checkTimerTime(timeMs);
    return this.#timers.delete(identity(timeMs, this.#hashKeys.of(this.#context.key)));
  }

  nextTimeMs(): number {
    return this.#earliest()?.timeMs ?? Infinity;
  }

  poll(timeMs: number): Timer<K> | undefined {
    const timer = this.#earliest();
    if (timer === undefined || timer.timeMs > timeMs) return undefined;
    this.#order.pop();
    this.#timers.delete(identity(timer.timeMs, this.#hashKeys.of(timer.key)));
    return timer;
  }

  freeze(): void {
    this.#frozen = this.#timers.freeze();
  }

  *frozenEntries(visit: EntryVisitor): Iterable<void> {
    const writer = new ByteWriter();
    for (const timer of this.#frozen?.values() ?? []) {
      writer.reset();
      writer.u16be(timer.keyGroup);
      writer.u16be(this.#stateId);
      writeTimerTime(timer.timeMs, writer);
      writer.raw(timer.encodedKey);
      visit(writer, noValue);
      yield;
    }
  }

  release(): void {
    this.#frozen = undefined;
    this.#timers.release();
  }

  restoreEntry(keyGroup: number, key: ByteReader, value: ByteReader): void {
    value.expectEnd();
    const timeMs = readTimerTime(key);
    checkTimerTime(timeMs);
    const start = key.position;
    const decoded = this.#context.serializer.readKey(key);
    key.expectEnd();
    this.#add({ timeMs, key: decoded, keyGroup, encodedKey: key.bytes.slice(start, key.end) });
  }

  #add(timer: HeapTimer<K>): boolean {
    const id = identity(timer.timeMs, this.#hashKeys.of(timer.key));
    if (this.#timers.get(id) !== undefined) return false;
    this.#timers.set(id, timer);
    this.#order.push(timer);
    return true;
  }

  #earliest(): HeapTimer<K> | undefined {
    for (;;) {
      const timer = this.#order.peek();
      if (timer === undefined) return undefined;
      if (this.#timers.get(identity(timer.timeMs, this.#hashKeys.of(timer.key))) === timer) return timer;
      this.#order.pop();
    }
  }
}

/** Tells timers apart; the type of the key is part of it, so that 1 and "1" differ. */
function identity(timeMs: number, key: HashKey): string {
  return `${timeMs}:${typeof key}:${String(key)}`;
}

function isBefore<K>(left: HeapTimer<K>, right: HeapTimer<K>): boolean {
  if (left.timeMs !== right.timeMs) return left.timeMs < right.timeMs;
  if (left.keyGroup !== right.keyGroup) return left.keyGroup < right.keyGroup;
  return Buffer.compare(left.encodedKey, right.encodedKey) < 0;
}
