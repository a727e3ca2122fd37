import type { EntryChanges } from "../heap/entry-changes.js";
import type { HeapKeys, HeapOwner } from "../heap/heap-keys.js";
import type { EntryVisitor, Freezable } from "../heap/heap-state.js";
import { SnapshotMap } from "../heap/snapshot-map.js";
import type { ReadonlyEntryMap } from "../heap/spread-map.js";
import { entryPrefixBytes } from "../key-context.js";
import { hasKeyGroup, type KeyGroupRange } from "../key-groups.js";
import { type ByteReader, ByteWriter } from "../serializers/index.js";
import { BinaryHeap } from "./binary-heap.js";
import type { NamespaceArguments, Timer, TimerQueue } from "./timer-queue.js";
import { checkTimerTime, readTimerTime, writeTimerTime } from "./timer-time.js";

interface HeapTimer<K, N> extends Timer<K, N>, HeapOwner<K, N> {
  /** Encoded key and namespace: decides ties like the order of stored timers does. */
  readonly encoded: Uint8Array;
}

const noValue = new ByteWriter();

/** Timers on the heap: a map for "at most one each" and snapshots, a binary heap for their order. */
export class HeapTimerQueue<K, N = undefined> implements TimerQueue<K, N>, Freezable {
  readonly #keys: HeapKeys<K, N>;
  readonly #timers = new SnapshotMap<string, HeapTimer<K, N>>();
  /** May hold timers that were deleted; they are skipped. */
  readonly #order = new BinaryHeap<HeapTimer<K, N>>(isBefore);
  readonly #writer = new ByteWriter();
  #frozen: ReadonlyEntryMap<string, HeapTimer<K, N>> | undefined;

  constructor(keys: HeapKeys<K, N>) {
    this.#keys = keys;
  }

  get size(): number {
    return this.#timers.size;
  }

  register(timeMs: number, ...[namespace]: NamespaceArguments<N>): boolean {
    checkTimerTime(timeMs);
    return this.#add(timeMs, { ...this.#keys.owner(), namespace: namespace as N }, this.#keys.changes);
  }

  delete(timeMs: number, ...[namespace]: NamespaceArguments<N>): boolean {
    checkTimerTime(timeMs);
    return this.#delete(this.#identity(timeMs, { ...this.#keys.owner(), namespace: namespace as N }));
  }

  nextTimeMs(): number {
    return this.#earliest()?.timeMs ?? Infinity;
  }

  poll(timeMs: number): Timer<K, N> | undefined {
    const timer = this.#earliest();
    if (timer === undefined || timer.timeMs > timeMs) return undefined;
    this.#delete(this.#identity(timer.timeMs, timer));
    this.#order.pop();
    return { timeMs: timer.timeMs, key: timer.key, namespace: timer.namespace };
  }

  freeze(): void {
    this.#frozen = this.#timers.freeze();
  }

  *frozenEntries(visit: EntryVisitor, keyGroups?: KeyGroupRange): Iterable<void> {
    const key = new ByteWriter();
    for (const timer of this.#frozen?.values() ?? []) {
      if (keyGroups === undefined || hasKeyGroup(keyGroups, timer.keyGroup)) {
        this.#write(timer, key);
        visit(key, noValue);
      }
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
    const owner = this.#keys.read(keyGroup, key);
    key.expectEnd();
    this.#add(timeMs, owner);
  }

  #add(timeMs: number, owner: HeapOwner<K, N>, changes?: EntryChanges): boolean {
    const identity = this.#identity(timeMs, owner);
    if (this.#timers.get(identity) !== undefined) return false;
    this.#keys.write(owner, this.#writer);
    const timer = { ...owner, timeMs, encoded: this.#writer.bytes.slice(entryPrefixBytes, this.#writer.length) };
    if (changes !== undefined) {
      this.#write(timer, this.#writer);
      changes.put(this.#writer, noValue);
    }
    this.#timers.set(identity, timer);
    this.#order.push(timer);
    return true;
  }

  #delete(identity: string): boolean {
    const timer = this.#timers.get(identity);
    if (timer === undefined) return false;
    if (this.#keys.changes !== undefined) {
      this.#write(timer, this.#writer);
      this.#keys.changes.delete(this.#writer);
    }
    return this.#timers.delete(identity);
  }

  /** Makes `out` the stored key of a timer. */
  #write(timer: HeapTimer<K, N>, out: ByteWriter): void {
    this.#keys.write(timer, out);
    out.length = entryPrefixBytes;
    writeTimerTime(timer.timeMs, out);
    out.raw(timer.encoded);
  }

  #earliest(): HeapTimer<K, N> | undefined {
    for (;;) {
      const timer = this.#order.peek();
      if (timer === undefined) return undefined;
      if (this.#timers.get(this.#identity(timer.timeMs, timer)) === timer) return timer;
      this.#order.pop();
    }
  }

  /** Tells timers apart; the type of the key is part of it, so that 1 and "1" differ. */
  #identity(timeMs: number, owner: HeapOwner<K, N>): string {
    const hash = this.#keys.hashOf(owner);
    return `${timeMs}:${typeof hash}:${String(hash)}`;
  }
}

function isBefore<K, N>(left: HeapTimer<K, N>, right: HeapTimer<K, N>): boolean {
  if (left.timeMs !== right.timeMs) return left.timeMs < right.timeMs;
  if (left.keyGroup !== right.keyGroup) return left.keyGroup < right.keyGroup;
  return Buffer.compare(left.encoded, right.encoded) < 0;
}
