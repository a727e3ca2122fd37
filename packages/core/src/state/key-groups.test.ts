import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  hasKeyGroup, keyGroupCount, keyGroupOf, keyGroupRangeOf, largestMaxParallelism, murmur3, signedMurmur3Of, subtaskOf,
} from "./key-groups.js";

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("murmur3", () => {
  test("agrees with the published vectors", () => {
    const vectors: readonly [Uint8Array, number, number][] = [
      [Uint8Array.of(), 0, 0],
      [Uint8Array.of(), 1, 0x514e28b7],
      [Uint8Array.of(), 0xffffffff, 0x81f16f39],
      [Uint8Array.of(0xff, 0xff, 0xff, 0xff), 0, 0x76293b50],
      [Uint8Array.of(0x21, 0x43, 0x65, 0x87), 0, 0xf55b516b],
      [Uint8Array.of(0x21, 0x43, 0x65, 0x87), 0x5082edee, 0x2362f9de],
      [Uint8Array.of(0x21, 0x43, 0x65), 0, 0x7e4a8634],
      [Uint8Array.of(0x21, 0x43), 0, 0xa0f7b07a],
      [Uint8Array.of(0x21), 0, 0x72661cf4],
      [Uint8Array.of(0, 0, 0, 0), 0, 0x2362f9de],
      [Uint8Array.of(0, 0, 0), 0, 0x85f0b427],
      [Uint8Array.of(0, 0), 0, 0x30f4c306],
      [Uint8Array.of(0), 0, 0x514e28b7],
      [ascii("aaaa"), 0x9747b28c, 0x5a97808a],
      [ascii("Hello, world!"), 0x9747b28c, 0x24884cba],
      [ascii("The quick brown fox jumps over the lazy dog"), 0x9747b28c, 0x2fa826cd],
    ];
    for (const [bytes, seed, hash] of vectors) expect(murmur3(bytes, 0, bytes.length, seed)).toBe(hash);
  });

  test("a part of an array hashes as if it were alone", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(40), fc.nat(40), (bytes, a, b) => {
        const [start, end] = [Math.min(a, b, bytes.length), Math.min(Math.max(a, b), bytes.length)];
        expect(murmur3(bytes, start, end)).toBe(murmur3(bytes.slice(start, end)));
      }),
    );
  });

  test("bytes with a view hash as they do without, whatever their number", () => {
    const bytes = Uint8Array.from({ length: 40 }, (_, n) => (n * 151) ^ 0xa5);
    const source = { bytes, view: new DataView(bytes.buffer) };
    for (let start = 0; start <= 9; start += 1) {
      for (let end = start; end <= bytes.length; end += 1) {
        expect(signedMurmur3Of(source, start, end) >>> 0).toBe(murmur3(bytes, start, end));
      }
    }
  });
});

describe("key groups", () => {
  test("every group belongs to exactly the subtask whose range has it, and ranges are even", () => {
    for (const maxParallelism of [1, 2, 7, 128, 1000]) {
      for (let parallelism = 1; parallelism <= Math.min(maxParallelism, 130); parallelism++) {
        let next = 0;
        for (let subtask = 0; subtask < parallelism; subtask++) {
          const range = keyGroupRangeOf(subtask, parallelism, maxParallelism);
          expect(range.first).toBe(next);
          next = range.last + 1;
          const even = Math.floor(maxParallelism / parallelism);
          expect([even, even + 1]).toContain(keyGroupCount(range));
          for (const group of [range.first, range.last]) {
            expect(subtaskOf(group, parallelism, maxParallelism)).toBe(subtask);
            expect(hasKeyGroup(range, group)).toBe(true);
          }
          expect(hasKeyGroup(range, range.last + 1) || hasKeyGroup(range, range.first - 1)).toBe(false);
        }
        expect(next).toBe(maxParallelism);
      }
    }
  });

  test("the largest max parallelism stays exact", () => {
    const last = keyGroupRangeOf(largestMaxParallelism - 1, largestMaxParallelism, largestMaxParallelism);
    expect(last).toEqual({ first: 32_767, last: 32_767 });
    expect(subtaskOf(32_767, 3, largestMaxParallelism)).toBe(2);
  });

  test("hashes spread over the groups, also those past 2^31", () => {
    expect(keyGroupOf(0xffff_ffff, 128)).toBe(127);
    expect(keyGroupOf(-1, 128)).toBe(127);
    const counts = Array.from({ length: 128 }, () => 0);
    for (let i = 0; i < 12_800; i++) {
      const group = keyGroupOf(murmur3(ascii(`user-${i}`)), 128);
      counts[group] = (counts[group] as number) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(50);
    expect(Math.max(...counts)).toBeLessThan(150);
  });

  test("numbers out of range are refused", () => {
    const bad: readonly [() => unknown][] = [
      [() => keyGroupRangeOf(0, 1, 0)],
      [() => keyGroupRangeOf(0, 1, 32_769)],
      [() => keyGroupRangeOf(0, 1, 1.5)],
      [() => keyGroupRangeOf(0, 0, 128)],
      [() => keyGroupRangeOf(0, 129, 128)],
      [() => keyGroupRangeOf(-1, 2, 128)],
      [() => keyGroupRangeOf(2, 2, 128)],
      [() => subtaskOf(128, 2, 128)],
      [() => subtaskOf(-1, 2, 128)],
      [() => subtaskOf(0.5, 2, 128)],
      [() => keyGroupRangeOf(Number.NaN, 2, 128)],
    ];
    for (const [run] of bad) expect(run).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});
