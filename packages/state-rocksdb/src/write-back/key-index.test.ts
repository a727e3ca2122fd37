import { isStateError } from "@tidemark/core/state";
import { SeededRandom } from "@tidemark/core/testing";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyArena } from "./key-index-arena.js";
import { type KeyCursor, KeyIndex } from "./key-index.js";

// In a model a key is a string of one character a byte: strings compare as their bytes do.
const bytesOf = (key: string): Uint8Array => Buffer.from(key, "latin1");
const keyOf = (cursor: KeyCursor): string => Buffer.from(cursor.bytes.subarray(cursor.start, cursor.end)).toString("latin1");
const byBytes = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);

function add(index: KeyIndex, key: string): void {
  index.add(bytesOf(key), 0, key.length);
}

function seek(index: KeyIndex, lower: string): KeyCursor {
  return index.seek(bytesOf(lower), 0, lower.length);
}

function keysFrom(cursor: KeyCursor): string[] {
  const keys: string[] = [];
  for (; cursor.isValid; cursor.next()) keys.push(keyOf(cursor));
  return keys;
}

function sorted(keys: Iterable<string>): string[] {
  return [...new Set(keys)].sort(byBytes);
}

/** Adds the keys in this order, all before the first seek, or with a seek after each part of `partLength`. */
function indexOf(keys: readonly string[], partLength = keys.length): KeyIndex {
  const index = new KeyIndex();
  keys.forEach((key, i) => {
    add(index, key);
    if ((i + 1) % partLength === 0) seek(index, "");
  });
  return index;
}

function shuffled(keys: readonly string[], seed: number): string[] {
  const random = new SeededRandom(seed);
  const list = [...keys];
  for (let i = list.length - 1; i > 0; i -= 1) {
    const other = random.below(i + 1);
    [list[i], list[other]] = [list[other] as string, list[i] as string];
  }
  return list;
}

function randomKey(random: SeededRandom, lengthBytes: number): string {
  return Array.from({ length: lengthBytes }, () => String.fromCharCode(random.below(256))).join("");
}

function codeOf(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    return isStateError(error) ? error.code : String(error);
  }
  return undefined;
}

/** Keys that are hard to tell apart: few different bytes, zeros at the end, long equal starts. */
const hardKey = fc.tuple(
  fc.constantFrom("", "", "", "\0\x01\0\x03", "\0\x01\0\x03customer", "\xff".repeat(9), "p".repeat(300)),
  fc.array(fc.constantFrom("\0", "\0", "\x01", "a", "\x7f", "\x80", "\xff"), { maxLength: 9 }),
).map(([start, rest]) => start + rest.join(""));

describe("random operations against a sorted model", () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("add" as const), keys: fc.array(hardKey, { maxLength: 6 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("add" as const), keys: fc.array(hardKey, { minLength: 20, maxLength: 120 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("seek" as const), lower: hardKey }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("next" as const), cursor: fc.nat(), steps: fc.nat(9) }) },
  );

  test("every seek gives what the model gives, and open cursors keep their order", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const index = new KeyIndex();
        const model = new Set<string>();
        const open: OpenCursor[] = [];
        for (const operation of steps) {
          if (operation.kind === "add") {
            for (const key of operation.keys) {
              add(index, key);
              model.add(key);
            }
          } else if (operation.kind === "seek") {
            const due = sorted(model).filter((key) => key >= operation.lower);
            expect(keysFrom(seek(index, operation.lower))).toEqual(due);
            expect(index.size).toBe(model.size);
            open.push(new OpenCursor(seek(index, operation.lower), due, model));
          } else if (open.length > 0) {
            const cursor = open[operation.cursor % open.length] as OpenCursor;
            for (let i = 0; i < operation.steps; i += 1) cursor.next();
          }
        }
        for (const cursor of open) cursor.finish();
        expect(keysFrom(seek(index, ""))).toEqual(sorted(model));
      }),
      { numRuns: 400 },
    );
  });

  for (const seed of [11, 12, 13]) {
    test(`many leaves, cursors and new keys in turn (seed ${seed})`, () => {
      const random = new SeededRandom(seed);
      const index = new KeyIndex();
      const model = new Set<string>();
      const open: OpenCursor[] = [];
      for (let round = 0; round < 60; round += 1) {
        const count = random.pick([1, 1, 3, 15, 16, 17, 300, 2500]);
        for (let i = 0; i < count; i += 1) {
          const key = random.pick(["", "\0\x07\0\x02", "\0\x07\0\x02user-"]) + randomKey(random, random.below(4));
          add(index, key);
          model.add(key);
        }
        const lower = randomKey(random, random.below(4));
        const due = sorted(model).filter((key) => key >= lower);
        const cursor = new OpenCursor(seek(index, lower), due, model);
        expect(index.size).toBe(model.size);
        if (open.length < 8) open.push(cursor);
        else open[random.below(8)] = cursor;
        for (let i = 0; i < 200; i += 1) random.pick(open).next();
      }
      for (const cursor of open) cursor.finish();
      expect(keysFrom(seek(index, ""))).toEqual(sorted(model));
    });
  }
});

/** A cursor and what it must still give: the keys that were there at the seek, in order, others only in their places. */
class OpenCursor {
  readonly #cursor: KeyCursor;
  readonly #due: readonly string[];
  readonly #model: ReadonlySet<string>;
  #given = 0;
  #last: string | undefined;

  constructor(cursor: KeyCursor, due: readonly string[], model: ReadonlySet<string>) {
    this.#cursor = cursor;
    this.#due = due;
    this.#model = model;
    this.#check();
  }

  next(): void {
    this.#cursor.next();
    this.#check();
  }

  finish(): void {
    while (this.#cursor.isValid) this.next();
    expect(this.#given).toBe(this.#due.length);
  }

  #check(): void {
    if (!this.#cursor.isValid) {
      expect(this.#given).toBe(this.#due.length);
      expect(this.#cursor.start).toBe(this.#cursor.end);
      return;
    }
    const key = keyOf(this.#cursor);
    if (this.#last !== undefined && key <= this.#last) throw new Error(`${JSON.stringify(key)} after ${JSON.stringify(this.#last)}`);
    const due = this.#due[this.#given];
    if (due !== undefined && key > due) throw new Error(`${JSON.stringify(due)} was left out`);
    if (!this.#model.has(key)) throw new Error(`${JSON.stringify(key)} was never added`);
    if (key === due) this.#given += 1;
    this.#last = key;
  }
}

describe("keys that are hard to order", () => {
  const zeros = Array.from({ length: 14 }, (_, count) => "\0".repeat(count));
  const cases: Record<string, readonly string[]> = {
    "zeros behind equal keys, and the empty key": ["", "a", "ab", "abc", "abcd", "\xff"].flatMap((start) =>
      zeros.map((zero) => start + zero)),
    "each key the start of the next": Array.from({ length: 700 }, (_, count) => "k".repeat(count)),
    "equal first 8 bytes": Array.from({ length: 900 }, (_, i) => `sameeight${String.fromCharCode(i >>> 8, i & 255)}`),
    "words above 2^31 beside words below": ["\x7f\xff\xff\xff", "\x80\0\0\0", "\xff\xff\xff\xff", "\0\0\0\0"].flatMap((word) =>
      Array.from({ length: 30 }, (_, i) => word + String.fromCharCode(i * 8))),
    "64 KiB that differ in their last byte or length": Array.from({ length: 40 }, (_, i) =>
      "x".repeat(65_500 + (i % 4)) + String.fromCharCode(i)),
    "longer than a chunk among short ones": [262_136, 262_140, 262_141, 600_000, 1].map((length) => "b".repeat(length))
      .concat("a", "c", Array.from({ length: 20 }, (_, i) => `b${i}`)),
  };
  for (const [name, keys] of Object.entries(cases)) {
    for (const partLength of [keys.length, 40, 1]) {
      test(`${name}, ordered ${partLength} at a time`, () => {
        const index = indexOf(shuffled(keys, 5), partLength);
        const expected = sorted(keys);
        const found = keysFrom(seek(index, ""));
        expect(found.length).toBe(expected.length);
        expect(found.every((key, i) => key === expected[i])).toBe(true);
        for (const key of expected.slice(0, 40)) expect(keyOf(seek(index, key)) === key).toBe(true);
      });
    }
  }

  test("rising and falling keys, one at a time", () => {
    const keys = Array.from({ length: 3000 }, (_, i) => String.fromCharCode(i >>> 8, i & 255));
    for (const order of [keys, keys.toReversed()]) expect(keysFrom(seek(indexOf(order, 1), ""))).toEqual(keys);
  });

  test("a lower bound that is longer than any before leaves nothing behind for a shorter one", () => {
    const index = indexOf(["a", "a\0", "b"]);
    expect(seek(index, "\xff".repeat(70_000)).isValid).toBe(false);
    expect(keysFrom(seek(index, "a"))).toEqual(["a", "a\0", "b"]);
    expect(keysFrom(seek(index, "a\0\0"))).toEqual(["b"]);
  });
});

describe("repeated keys", () => {
  test("in one part, in a later part, and many times", () => {
    const index = new KeyIndex();
    for (let i = 0; i < 5000; i += 1) add(index, `key ${i % 10}`);
    expect(index.size).toBe(5000);
    const ten = Array.from({ length: 10 }, (_, i) => `key ${i}`);
    expect(keysFrom(seek(index, ""))).toEqual(ten);
    expect(index.size).toBe(10);
    for (const key of ten) add(index, key);
    expect(keysFrom(seek(index, ""))).toEqual(ten);
    for (let i = 0; i < 400; i += 1) add(index, `key ${i % 20}`);
    expect(keysFrom(seek(index, ""))).toEqual(sorted([...ten, ...Array.from({ length: 10 }, (_, i) => `key ${i + 10}`)]));
    expect(index.size).toBe(20);
  });
});

describe("cursors", () => {
  test("an empty index has none that is valid", () => {
    const cursor = seek(new KeyIndex(), "");
    expect(cursor.isValid).toBe(false);
    cursor.next();
    expect(cursor.isValid).toBe(false);
  });

  test("one behind the last key stays there when keys come", () => {
    const index = indexOf(["a"]);
    const cursor = seek(index, "b");
    add(index, "c");
    seek(index, "");
    cursor.next();
    expect(cursor.isValid).toBe(false);
    expect([cursor.bytes.length, cursor.start, cursor.end]).toEqual([0, 0, 0]);
    expect(keysFrom(seek(index, "b"))).toEqual(["c"]);
  });

  test("the current key stays readable while the index is rebuilt, and the next one is found", () => {
    const index = indexOf(["d", "h"]);
    const cursor = seek(index, "a");
    for (let i = 0; i < 2000; i += 1) add(index, `e${i}`);
    seek(index, "");
    expect(keyOf(cursor)).toBe("d");
    cursor.next();
    expect(keyOf(cursor)).toBe("e0");
  });

  test("the key is copied: the caller's bytes may change, and may be part of an array", () => {
    const index = new KeyIndex();
    const buffer = Buffer.from("....old....", "latin1").subarray(1);
    index.add(buffer, 3, 6);
    buffer.fill(0x7a);
    expect(keysFrom(seek(index, ""))).toEqual(["old"]);
    expect(keysFrom(index.seek(Buffer.from("xxolxx", "latin1").subarray(1), 1, 3))).toEqual(["old"]);
  });
});

describe("refusals", () => {
  test("a range that is not there, which changes nothing", () => {
    const index = indexOf(["a"]);
    const bytes = new Uint8Array(4);
    for (const [start, end] of [[-1, 2], [3, 2], [0, 5], [Number.NaN, 2], [0, Number.NaN]] as const) {
      expect(codeOf(() => index.add(bytes, start, end))).toBe("INVALID_ARGUMENT");
      expect(codeOf(() => index.seek(bytes, start, end))).toBe("INVALID_ARGUMENT");
    }
    expect(index.size).toBe(1);
    expect(keysFrom(seek(index, ""))).toEqual(["a"]);
  });

  test("a key past 1 GiB", () => {
    const huge = new Uint8Array(2 ** 30 + 1);
    const index = indexOf(["a"]);
    expect(codeOf(() => index.add(huge, 0, huge.length))).toBe("KEY_TOO_LARGE");
    expect(codeOf(() => index.seek(huge, 0, huge.length))).toBe("KEY_TOO_LARGE");
    expect(keysFrom(seek(index, ""))).toEqual(["a"]);
  });

  test("a key more than there are places for; what was added before stays in order", () => {
    const index = new KeyIndex(new KeyArena(3));
    const keys: string[] = [];
    const code = codeOf(() => {
      for (let i = 0; i < 100_000; i += 1) {
        const key = String.fromCharCode((i * 7) & 255, i & 255, i >>> 8);
        add(index, key);
        keys.push(key);
      }
    });
    expect(code).toBe("NO_MEMORY");
    expect(keys.length).toBeGreaterThan(1000);
    expect(index.size).toBe(keys.length);
    expect(keysFrom(seek(index, ""))).toEqual(sorted(keys));
  });
});

test("memory: under 2 KiB for an empty index; keys with 4 bytes each, and up to 8 bytes a key once they are in order", () => {
  const index = new KeyIndex();
  expect(index.sizeBytes).toBeLessThan(2048);
  const random = new SeededRandom(3);
  const count = 50_000;
  for (let i = 0; i < count; i += 1) add(index, randomKey(random, 20));
  const before = index.sizeBytes;
  expect(before).toBeGreaterThan(count * 24);
  expect(before).toBeLessThan(count * 24 + 512 * 1024);
  seek(index, "");
  expect(index.sizeBytes).toBeGreaterThan(before + count * 4);
  expect(index.sizeBytes).toBeLessThan(before + count * 8);
});
