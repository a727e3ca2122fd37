// One file past 400 lines: every test drives the same pair of a table and a model.
import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../testing/random.js";
import { keyGroupOf, murmur3 } from "../key-groups.js";
import { ByteWriter } from "../serializers/index.js";
import type { FrozenTable, TableEntry } from "./frozen-table.js";
import { StateTable, type StateTableOptions } from "./state-table.js";

type Options = Partial<StateTableOptions>;

/** A table beside a Map that says what it should hold, by the key's bytes. */
class Pair {
  readonly table: StateTable;
  readonly model = new Map<string, string>();
  readonly #hash: (bytes: Uint8Array, start: number, end: number) => number;
  readonly #maxParallelism: number;
  readonly #key = new ByteWriter();
  readonly #value = new ByteWriter();

  constructor(options: Options = {}) {
    this.#hash = options.hash ?? murmur3;
    this.#maxParallelism = options.maxParallelism ?? 128;
    const keyGroups = { first: 0, last: this.#maxParallelism - 1 };
    this.table = new StateTable({ keyGroups, maxParallelism: this.#maxParallelism, ...options });
  }

  put(key: Uint8Array, value: Uint8Array): void {
    const position = this.#set(key);
    this.#value.reset();
    this.#value.raw(value);
    this.table.put(position, this.#key, 3, this.#key.length, this.#value, 0, value.length);
    this.model.set(textOf(key), textOf(value));
  }

  remove(key: Uint8Array): void {
    const position = this.#set(key);
    const isRemoved = this.table.remove(position, this.#key, 3, this.#key.length);
    // expect() is slow for what is done thousands of times.
    if (isRemoved !== this.model.delete(textOf(key))) throw new Error(`remove() of ${textOf(key)} gave ${isRemoved}`);
  }

  check(key: Uint8Array): void {
    if (this.get(key) !== this.model.get(textOf(key))) throw new Error(`find() of ${textOf(key)} gave another value`);
  }

  get(key: Uint8Array): string | undefined {
    const position = this.#set(key);
    if (!this.table.find(position, this.#key, 3, this.#key.length)) return undefined;
    return textOf(this.table.value.copy(this.table.value.remaining));
  }

  checkAll(): void {
    expect(this.table.size).toBe(this.model.size);
    expect(contents(this.table.entries())).toEqual(this.model);
  }

  #set(key: Uint8Array): number {
    this.#key.reset();
    // Keys seldom begin where their buffer does.
    this.#key.raw(Uint8Array.of(7, 7, 7));
    this.#key.raw(key);
    const hash = this.#hash(this.#key.bytes, 3, this.#key.length);
    return this.table.positionOf(keyGroupOf(hash, this.#maxParallelism), hash);
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

function* taken(frozen: FrozenTable): Generator<TableEntry, void, undefined> {
  for (const cursor = frozen.takingCursor(); cursor.next(); ) yield cursor.entry;
}

function contents(entries: Iterable<TableEntry>): Map<string, string> {
  const found = new Map<string, string>();
  for (const { key, value } of entries) {
    const name = textOf(key.copy(key.remaining));
    if (found.has(name)) throw new Error(`${name} came twice`);
    found.set(name, textOf(value.copy(value.remaining)));
  }
  return found;
}

/** Bytes of which the first and the last few tell one from another. */
function bytesOf(random: SeededRandom, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(random.below(256));
  for (let i = 0; i < Math.min(4, length); i += 1) bytes[i] = bytes[length - 1 - i] = random.below(256);
  return bytes;
}

function int64Key(number: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number), false);
  return bytes;
}

/** Sizes that meet every case: empty, some words, several segments' worth, larger than a segment. */
function someLength(random: SeededRandom, largest: number): number {
  return random.below(40) === 0 ? random.below(largest + 1) : random.below(60);
}

interface Held {
  readonly frozen: FrozenTable;
  readonly model: Map<string, string>;
}

interface Shape {
  readonly name: string;
  readonly options: Options;
  readonly steps: number;
  makeKey(random: SeededRandom): Uint8Array;
  makeValue(random: SeededRandom): Uint8Array;
}

const fixed = { keyBytes: 8, valueBytes: 9 };
const smallKey = (random: SeededRandom) => int64Key(random.below(3000));
const nineBytes = (random: SeededRandom) => bytesOf(random, 9);
const shapes: readonly Shape[] = [
  { name: "fixed", options: fixed, steps: 9000, makeKey: smallKey, makeValue: nineBytes },
  {
    name: "fixed, keys and values of odd sizes", options: { keyBytes: 3, valueBytes: 30, maxParallelism: 100 }, steps: 6000,
    makeKey: (random) => int64Key(random.below(2000)).subarray(5), makeValue: (random) => bytesOf(random, 30),
  },
  {
    name: "fixed, many segments", options: { keyBytes: 8, valueBytes: 400 }, steps: 4000,
    makeKey: smallKey, makeValue: (random) => bytesOf(random, 400),
  },
  {
    name: "fixed, all keys with one hash", options: { ...fixed, hash: () => 77 }, steps: 3000,
    makeKey: (random) => int64Key(random.below(1200)), makeValue: nineBytes,
  },
  {
    name: "fixed, hashes that differ in three bits only", steps: 6000,
    options: { ...fixed, hash: (bytes, _start, end) => (bytes[end - 1] as number) & 7 }, makeKey: smallKey, makeValue: nineBytes,
  },
  { name: "fixed, one key group", options: { ...fixed, maxParallelism: 1 }, steps: 8000, makeKey: smallKey, makeValue: nineBytes },
  {
    name: "fixed, 32,768 key groups", options: { ...fixed, maxParallelism: 32_768 }, steps: 8000,
    makeKey: smallKey, makeValue: nineBytes,
  },
  {
    name: "fixed keys", options: { keyBytes: 8 }, steps: 8000,
    makeKey: smallKey, makeValue: (random) => bytesOf(random, someLength(random, 1500)),
  },
  {
    name: "fixed keys, tiny values", options: { keyBytes: 8, maxParallelism: 2 }, steps: 12_000,
    makeKey: smallKey, makeValue: (random) => bytesOf(random, random.below(2)),
  },
  {
    name: "fixed keys of an odd size", options: { keyBytes: 3 }, steps: 6000,
    makeKey: (random) => int64Key(random.below(2000)).subarray(5), makeValue: (random) => bytesOf(random, someLength(random, 300)),
  },
  {
    name: "fixed keys, all with one hash", options: { keyBytes: 8, hash: () => 77 }, steps: 3000,
    makeKey: (random) => int64Key(random.below(1200)), makeValue: (random) => bytesOf(random, someLength(random, 100)),
  },
  {
    name: "fixed keys, longer than slots take", options: { keyBytes: 100 }, steps: 3000,
    makeKey: (random) => new Uint8Array(100).fill(random.below(200)), makeValue: (random) => bytesOf(random, someLength(random, 100)),
  },
  {
    name: "variable", options: {}, steps: 8000,
    makeKey: (random) => (random.below(8) === 0 ? bytesOf(random, random.below(2)) : Buffer.from(`key ${random.below(2500)}`)),
    makeValue: (random) => bytesOf(random, someLength(random, 1500)),
  },
  {
    name: "variable, large keys and values", options: {}, steps: 1500,
    makeKey: (random) => new Uint8Array(random.below(64) * 1040 + random.below(2)).fill(random.below(3)),
    makeValue: (random) => bytesOf(random, someLength(random, random.below(10) === 0 ? 1024 * 1024 : 5000)),
  },
  {
    name: "variable, all keys with one hash", options: { hash: () => 0 }, steps: 2500,
    makeKey: (random) => Buffer.from(`key ${random.below(400)}`), makeValue: (random) => bytesOf(random, someLength(random, 3000)),
  },
  {
    name: "variable, tiny entries", options: { maxParallelism: 2 }, steps: 12_000,
    makeKey: (random) => bytesOf(random, 1 + random.below(2)), makeValue: (random) => bytesOf(random, random.below(2)),
  },
];

/** Freezes, reads in all ways, and releases, in any order. */
function freezeStep(pair: Pair, held: Held[], random: SeededRandom): void {
  if (held.length < 3 && random.below(2) === 0) {
    const frozen = pair.table.freeze();
    expect(frozen.size).toBe(pair.model.size);
    const model = new Map(pair.model);
    held.push({ frozen, model });
    // Two that hold the same segments.
    if (random.below(2) === 0) held.push({ frozen: pair.table.freeze(), model });
    return;
  }
  const one = held[random.below(held.length || 1)];
  if (one === undefined) return;
  const way = random.below(4);
  if (way === 0) expect(contents(one.frozen.entries())).toEqual(one.model);
  if (way === 1) expect(contents(definedOnly(one.frozen))).toEqual(one.model);
  if (way === 2) expect(contents(taken(one.frozen))).toEqual(one.model);
  if (way >= 2) {
    one.frozen.release();
    held.splice(held.indexOf(one), 1);
  }
}

function* definedOnly(frozen: FrozenTable): Generator<TableEntry> {
  for (const entry of frozen.sortedEntries()) if (entry !== undefined) yield entry;
}

describe.each(shapes)("$name", ({ options, steps, makeKey, makeValue }) => {
  test("agrees with a Map over random operations, freezes and releases", () => {
    for (const seed of [1, 2]) {
      const random = new SeededRandom(seed);
      const pair = new Pair(options);
      const held: Held[] = [];
      try {
        // Phases of growing and of shrinking, so that segments split and merge.
        for (let step = 0; step < steps; step += 1) {
          const isGrowing = Math.floor((step * 6) / steps) % 2 === 0;
          const key = makeKey(random);
          if (random.below(10) < (isGrowing ? 8 : 2)) pair.put(key, makeValue(random));
          else pair.remove(key);
          if (random.below(4) === 0) pair.check(makeKey(random));
          if (random.below(steps / 25) === 0) freezeStep(pair, held, random);
          if (random.below(steps) === 0) {
            pair.table.clear();
            pair.model.clear();
          }
          if (random.below(steps / 4) === 0) pair.checkAll();
        }
        pair.checkAll();
        for (const { frozen, model } of held) expect(contents(taken(frozen))).toEqual(model);
        for (const { frozen } of held) frozen.release();
        for (const name of pair.model.keys()) pair.remove(Buffer.from(name, "latin1"));
        pair.checkAll();
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });

  test("sorted entries come in the order of (key group, key bytes)", () => {
    const random = new SeededRandom(5);
    const pair = new Pair(options);
    for (let i = 0; i < Math.min(steps, 4000); i += 1) pair.put(makeKey(random), makeValue(random));
    const frozen = pair.table.freeze();
    let last: { readonly keyGroup: number; readonly key: Uint8Array } | undefined;
    let count = 0;
    for (const entry of definedOnly(frozen)) {
      const key = entry.key.copy(entry.key.remaining);
      if (last !== undefined && (last.keyGroup - entry.keyGroup || Buffer.compare(last.key, key)) >= 0) throw new Error("out of order");
      last = { keyGroup: entry.keyGroup, key };
      count += 1;
    }
    expect(count).toBe(pair.model.size);
    frozen.release();
  });

  test("the entries of a range of key groups are those and no others", () => {
    const random = new SeededRandom(6);
    const pair = new Pair(options);
    const last = (options.maxParallelism ?? 128) - 1;
    for (let i = 0; i < Math.min(steps, 3000); i += 1) pair.put(makeKey(random), makeValue(random));
    const all = [...pair.table.entries()].length;
    for (let i = 0; i < 5; i += 1) {
      const at = random.below(last + 1);
      const ranges = [{ first: 0, last: at }, ...(at < last ? [{ first: at + 1, last }] : [])];
      let inOrder = 0;
      let inAnyOrder = 0;
      const frozen = pair.table.freeze();
      for (const range of ranges) {
        for (const { keyGroup } of frozen.entries(range)) {
          if (keyGroup < range.first || keyGroup > range.last) throw new Error(`key group ${keyGroup} is not of the range`);
          inAnyOrder += 1;
        }
        for (const entry of frozen.sortedEntries(range)) if (entry !== undefined) inOrder += 1;
      }
      frozen.release();
      expect([inOrder, inAnyOrder]).toEqual([all, all]);
    }
  });
});

describe("memory", () => {
  const keys = Array.from({ length: 20_000 }, (_, i) => int64Key(i));

  function fill(pair: Pair, valueBytes = 9): void {
    for (const key of keys) pair.put(key, new Uint8Array(valueBytes));
  }

  test.each([fixed, { keyBytes: 8 }, {}])("what freezes held is used again after release()", (options) => {
    const pair = new Pair(options);
    fill(pair);
    const before = pair.table.sizeBytes;
    let peak = 0;
    for (let round = 0; round < 10; round += 1) {
      const older = pair.table.freeze();
      fill(pair);
      const newer = pair.table.freeze();
      fill(pair);
      if (round % 2 === 0) for (const _ of taken(older));
      for (const frozen of round % 3 === 0 ? [newer, older] : [older, newer]) frozen.release();
      expect(pair.table.sizeBytes).toBe(before);
      peak = Math.max(peak, pair.table.sizeBytes);
    }
    expect(peak).toBe(before);
  });

  test("segments that were visited for the last time are not copied any more", () => {
    const pair = new Pair(fixed);
    fill(pair);
    const before = pair.table.sizeBytes;
    const frozen = pair.table.freeze();
    for (const _ of taken(frozen));
    fill(pair);
    expect(pair.table.sizeBytes).toBe(before);
    frozen.release();
  });

  test.each([fixed, { keyBytes: 8 }, {}])("removing gives back most of it, clear() all of it", (options) => {
    const pair = new Pair(options);
    const empty = pair.table.sizeBytes;
    fill(pair);
    const full = pair.table.sizeBytes;
    for (const key of keys) pair.remove(key);
    expect(pair.table.size).toBe(0);
    expect(pair.table.sizeBytes).toBeLessThan(full / 4);
    fill(pair);
    pair.table.clear();
    expect(pair.table.sizeBytes).toBe(empty);
  });

  test("int64 entries take less than 45 bytes each, whatever their number", () => {
    const pair = new Pair(fixed);
    for (let i = 0; i < 60_000; i += 1) {
      pair.put(int64Key(i), new Uint8Array(9));
      if (i >= 20_000 && i % 1000 === 0) expect(pair.table.sizeBytes / i).toBeLessThan(45);
    }
  });

  test("values that grow again and again leave no garbage behind", () => {
    const pair = new Pair();
    for (let length = 0; length < 400; length += 1) for (let i = 0; i < 50; i += 1) pair.put(int64Key(i), new Uint8Array(length));
    pair.checkAll();
    expect(pair.table.sizeBytes).toBeLessThan(50 * 400 * 6);
  });

  test.each([fixed, { keyBytes: 8 }, {}])("past maxBytes put() throws NO_MEMORY and changes nothing", (options) => {
    const pair = new Pair({ ...options, maxBytes: 2 * 1024 * 1024 });
    let stored = 0;
    const fillUp = (): void => {
      for (; stored < 1_000_000; stored += 1) {
        const key = int64Key(stored);
        pair.put(key, new Uint8Array(9));
      }
    };
    expect(fillUp).toThrow(expect.objectContaining({ code: "NO_MEMORY", kind: "fix-configuration" }));
    pair.checkAll();
    // A freeze makes every write need memory, which is not there; the frozen and the live contents stay.
    const frozen = pair.table.freeze();
    let refused = 0;
    for (let i = 0; i < stored; i += 50) {
      const before = pair.get(int64Key(i));
      try {
        pair.put(int64Key(i), Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9));
      } catch (error) {
        expect(error).toMatchObject({ code: "NO_MEMORY" });
        expect(pair.get(int64Key(i))).toBe(before);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(0);
    pair.checkAll();
    frozen.release();
    pair.table.clear();
    pair.model.clear();
    pair.put(int64Key(1), new Uint8Array(9));
    pair.checkAll();
  });

  test("large values count towards maxBytes", () => {
    const pair = new Pair({ maxBytes: 4 * 1024 * 1024 });
    for (let i = 0; i < 2; i += 1) pair.put(int64Key(i), new Uint8Array(1024 * 1024));
    expect(() => pair.put(int64Key(2), new Uint8Array(2 * 1024 * 1024))).toThrow(expect.objectContaining({ code: "NO_MEMORY" }));
    pair.remove(int64Key(0));
    pair.put(int64Key(3), new Uint8Array(1024 * 1024));
    pair.checkAll();
  });

  test.each([0, -1, Number.NaN])("maxBytes %s is refused", (maxBytes) => {
    expect(() => new Pair({ maxBytes })).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});

describe("iteration", () => {
  test("sees the contents at its first step, whatever is changed meanwhile, and gives its hold back when it is left", () => {
    const pair = new Pair(fixed);
    for (let i = 0; i < 5000; i += 1) pair.put(int64Key(i), new Uint8Array(9));
    const before = new Map(pair.model);
    const found = new Map<string, string>();
    let step = 0;
    for (const { key, value } of pair.table.entries()) {
      found.set(textOf(key.copy(key.remaining)), textOf(value.copy(value.remaining)));
      pair.put(int64Key(5000 + step), Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9));
      pair.remove(int64Key(step));
      pair.put(int64Key((step * 7) % 5000), Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9, 9));
      step += 1;
    }
    expect(found).toEqual(before);
    pair.checkAll();
    const size = pair.table.sizeBytes;
    for (const _ of pair.table.entries()) break;
    for (const name of pair.model.keys()) pair.put(Buffer.from(name, "latin1"), new Uint8Array(9));
    expect(pair.table.sizeBytes).toBe(size);
  });

  test("clear() leaves frozen parts as they are", () => {
    const pair = new Pair();
    for (let i = 0; i < 3000; i += 1) pair.put(int64Key(i), new Uint8Array(i % 50));
    const before = new Map(pair.model);
    const frozen = pair.table.freeze();
    pair.table.clear();
    pair.model.clear();
    for (let i = 0; i < 100; i += 1) pair.put(int64Key(i), new Uint8Array(70));
    pair.checkAll();
    expect(contents(frozen.entries())).toEqual(before);
    const size = pair.table.sizeBytes;
    frozen.release();
    frozen.release();
    expect(pair.table.sizeBytes).toBeLessThan(size);
    pair.checkAll();
  });

  test("a frozen part cannot be read after release(), not even by an iteration that is under way", () => {
    const pair = new Pair(fixed);
    for (let i = 0; i < 1000; i += 1) pair.put(int64Key(i), new Uint8Array(9));
    const released = expect.objectContaining({ code: "DISPOSED" });
    for (const read of ["entries", "cursor", "takingCursor", "sortedEntries"] as const) {
      const frozen = pair.table.freeze();
      const running = frozen[read]();
      running.next();
      frozen.release();
      expect(() => running.next()).toThrow(released);
      expect(() => frozen[read]().next()).toThrow(released);
    }
  });

  test("a sweep around the table removes exactly what is gone, in slices", () => {
    const pair = new Pair(fixed);
    for (let i = 0; i < 20_000; i += 1) pair.put(int64Key(i), Uint8Array.of(i % 3, 0, 0, 0, 0, 0, 0, 0, 0));
    const isGone = (value: { u8(): number }): boolean => value.u8() === 0;
    let largest = 0;
    for (let step = 0; step < 200; step += 1) {
      const before = pair.table.size;
      pair.table.sweep(200, isGone);
      largest = Math.max(largest, before - pair.table.size);
    }
    for (const [key, value] of pair.model) if (value.startsWith("\0")) pair.model.delete(key);
    pair.checkAll();
    expect(largest).toBeLessThan(1000);
  });

  test("keys or values of another size than declared are refused", () => {
    const pair = new Pair(fixed);
    for (const [key, value] of [[new Uint8Array(7), new Uint8Array(9)], [new Uint8Array(8), new Uint8Array(10)]] as const) {
      expect(() => pair.put(key, value)).toThrow(expect.objectContaining({ code: "INTERNAL" }));
    }
    pair.checkAll();
  });
});
