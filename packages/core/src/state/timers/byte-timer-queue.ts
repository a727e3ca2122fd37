import type { OrderedByteStore } from "../bytes/ordered-byte-store.js";
import { entryPrefixBytes, type KeyContext, prefixEnd } from "../key-context.js";
import { ByteReader, ByteWriter, type KeySerializer } from "../serializers/index.js";
import { BinaryHeap } from "./binary-heap.js";
import type { NamespaceArguments, Timer, TimerQueue } from "./timer-queue.js";
import { checkTimerTime, readTimerTime, writeTimerTime } from "./timer-time.js";

const timeBytes = 8;

/** A timer in memory: its time and its key as stored. */
interface HeadTimer {
  readonly timeMs: number;
  /** `keyGroup | state id | time | key` */
  readonly stored: Uint8Array;
}

/**
 * The timers of one key group in memory are all of its timers up to `horizon`: "none" of them before the first read, "all" when the
 * store holds no others.
 */
interface GroupHead {
  horizon: HeadTimer | "none" | "all";
  count: number;
}

/**
 * Timers in an ordered byte store, one entry `keyGroup | state id | time | key | namespace` each, so that their number is not bounded
 * by memory. The earliest ones of each key group are also in a heap; a group whose part of the heap runs empty is read
 * again from where it ended.
 */
export class ByteTimerQueue<K, N = undefined> implements TimerQueue<K, N> {
  readonly #store: OrderedByteStore;
  readonly #context: KeyContext<K>;
  readonly #stateId: number;
  readonly #namespaces: KeySerializer<N>;
  readonly #headMax: number;
  readonly #entry = new ByteWriter();
  readonly #empty = new ByteWriter();
  readonly #reader = new ByteReader();
  readonly #head = new BinaryHeap<HeadTimer>(isBefore);
  readonly #groups: GroupHead[];
  /** Key groups with nothing in the heap that may have more in the store. */
  #exhausted: number[] = [];
  /** True once a timer was deleted: from then on the heap may hold timers that are no more. */
  #mayBeStale = false;

  /** `headMax` bounds the heap: about 100 bytes a timer. */
  constructor(store: OrderedByteStore, context: KeyContext<K>, stateId: number, namespaces: KeySerializer<N>, headMax = 32_768) {
    this.#store = store;
    this.#context = context;
    this.#stateId = stateId;
    this.#namespaces = namespaces;
    const { first, last } = context.keyGroups;
    this.#headMax = Math.max(headMax, 4 * (last - first + 1));
    this.#groups = Array.from({ length: last - first + 1 }, () => ({ horizon: "none", count: 0 }));
    this.#exhausted = this.#groups.map((_, index) => first + index);
  }

  register(timeMs: number, ...[namespace]: NamespaceArguments<N>): boolean {
    const entry = this.#entryOf(timeMs, namespace as N);
    if (this.#store.get(entry) !== undefined) return false;
    this.#store.put(entry, this.#empty);
    const timer = { timeMs, stored: entry.copy() };
    const group = this.#groupOf(timer);
    if (group.horizon === "all" || (group.horizon !== "none" && !isBefore(group.horizon, timer))) {
      this.#head.push(timer);
      group.count += 1;
      if (this.#head.size > this.#headMax) this.#trim();
    }
    return true;
  }

  delete(timeMs: number, ...[namespace]: NamespaceArguments<N>): boolean {
    const entry = this.#entryOf(timeMs, namespace as N);
    if (this.#store.get(entry) === undefined) return false;
    this.#store.delete(entry);
    this.#mayBeStale = true;
    return true;
  }

  nextTimeMs(): number {
    return this.#earliest()?.timeMs ?? Infinity;
  }

  poll(timeMs: number): Timer<K, N> | undefined {
    const timer = this.#earliest();
    if (timer === undefined || timer.timeMs > timeMs) return undefined;
    this.#pop();
    this.#store.delete(this.#writerOver(timer.stored));
    this.#reader.reset(timer.stored, entryPrefixBytes + timeBytes);
    const key = this.#context.serializer.readKey(this.#reader);
    return { timeMs: timer.timeMs, key, namespace: this.#namespaces.readKey(this.#reader) };
  }

  #earliest(): HeadTimer | undefined {
    for (;;) {
      for (let keyGroup = this.#exhausted.pop(); keyGroup !== undefined; keyGroup = this.#exhausted.pop()) this.#read(keyGroup);
      const timer = this.#head.peek();
      if (timer === undefined || !this.#mayBeStale || this.#store.get(this.#writerOver(timer.stored)) !== undefined) return timer;
      this.#pop();
    }
  }

  #pop(): void {
    const timer = this.#head.pop() as HeadTimer;
    const group = this.#groupOf(timer);
    group.count -= 1;
    if (group.count === 0 && group.horizon !== "all") this.#exhausted.push(keyGroupOfStored(timer.stored));
  }

  /** Adds the next timers of a key group that has none in the heap. */
  #read(keyGroup: number): void {
    const group = this.#groups[keyGroup - this.#context.keyGroups.first] as GroupHead;
    if (group.count > 0 || group.horizon === "all") return;
    const wanted = Math.max(2, Math.floor(this.#headMax / 4 / this.#groups.length));
    const prefix = new ByteWriter();
    prefix.u16be(keyGroup);
    prefix.u16be(this.#stateId);
    const upper = prefixEnd(prefix.subarray());
    // Fired timers leave tombstones that a scan from the beginning would step over, so it starts right behind the last one.
    const lower = group.horizon === "none" ? prefix.copy() : justBehind(group.horizon.stored);
    const cursor = this.#store.scan(lower, upper);
    let last: HeadTimer | undefined;
    while (group.count < wanted && cursor.next()) {
      const stored = cursor.key.copy(cursor.key.remaining);
      this.#reader.reset(stored, entryPrefixBytes);
      last = { timeMs: readTimerTime(this.#reader), stored };
      this.#head.push(last);
      group.count += 1;
    }
    cursor.close();
    group.horizon = group.count === wanted && last !== undefined ? last : "all";
  }

  /** Halves the heap. Each key group keeps its earliest timer, so that the earliest of all stays known. */
  #trim(): void {
    const timers = this.#head.takeSorted();
    const lastKept = new Map<GroupHead, HeadTimer>();
    let kept = 0;
    for (const timer of timers) {
      const group = this.#groupOf(timer);
      const last = lastKept.get(group);
      if (kept < this.#headMax >> 1 || last === undefined) {
        this.#head.push(timer);
        lastKept.set(group, timer);
        kept += 1;
        continue;
      }
      // From the first one dropped, all of its group are: what is known of the group ends with the last one kept.
      group.horizon = last;
      group.count -= 1;
    }
  }

  #groupOf(timer: HeadTimer): GroupHead {
    return this.#groups[keyGroupOfStored(timer.stored) - this.#context.keyGroups.first] as GroupHead;
  }

  #entryOf(timeMs: number, namespace: N): ByteWriter {
    checkTimerTime(timeMs);
    const key = this.#context.entryKey(this.#stateId);
    const entry = this.#entry;
    entry.reset();
    entry.raw(key.bytes, 0, entryPrefixBytes);
    writeTimerTime(timeMs, entry);
    entry.raw(key.bytes, entryPrefixBytes, key.length);
    this.#namespaces.writeKey(namespace, entry);
    return entry;
  }

  #writerOver(stored: Uint8Array): ByteWriter {
    this.#entry.reset();
    this.#entry.raw(stored);
    return this.#entry;
  }
}

function keyGroupOfStored(stored: Uint8Array): number {
  return ((stored[0] as number) << 8) | (stored[1] as number);
}

/** The smallest byte string above `stored`. */
function justBehind(stored: Uint8Array): Uint8Array {
  const behind = new Uint8Array(stored.length + 1);
  behind.set(stored);
  return behind;
}

function isBefore(left: HeadTimer, right: HeadTimer): boolean {
  return left.timeMs === right.timeMs ? Buffer.compare(left.stored, right.stored) < 0 : left.timeMs < right.timeMs;
}
