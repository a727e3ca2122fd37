import { expect, test } from "vitest";
import { MemoryGuard, type MemoryUse } from "./memory-guard.js";

const mebibyte = 2 ** 20;
const noMemory = expect.objectContaining({ code: "NO_MEMORY", kind: "fix-configuration" });

function use(usedBytes: number, limitBytes = 1_000 * mebibyte): MemoryUse {
  return { name: "heap", usedBytes, limitBytes, advice: "raise it" };
}

test("refuses state near the limit of any kind of memory, and says what to do", () => {
  expect(() => new MemoryGuard(() => [use(0), use(799 * mebibyte)]).reserve(mebibyte / 2)).not.toThrow();
  const guard = new MemoryGuard(() => [use(0), use(799 * mebibyte)]);
  expect(() => guard.reserve(2 * mebibyte)).toThrow(noMemory);
  expect(() => guard.reserve(2 * mebibyte)).toThrow(/799 MiB of the heap are in use and the limit is 1000 MiB; raise it, use more/);
  expect(() => new MemoryGuard(() => [use(900 * mebibyte)]).addEntry(1)).toThrow(noMemory);
  expect(() => new MemoryGuard(() => []).reserve(mebibyte)).not.toThrow();
});

test("keeps room for the largest collection to grow in one piece", () => {
  const guard = new MemoryGuard(() => [use(650 * mebibyte)]);
  guard.watch({ size: 10 });
  guard.watch({ size: 2 ** 20 });
  guard.reserve(20 * mebibyte);
  guard.watch({ size: 2 ** 21 });
  // 256 MiB for the growth to 2^22 entries leave none of the 800 that may be used.
  expect(() => guard.reserve(20 * mebibyte)).toThrow(noMemory);
});

test("after a refusal smaller state is taken as soon as there is room", () => {
  let used = 900 * mebibyte;
  const guard = new MemoryGuard(() => [use(used)]);
  for (let i = 0; i < 3; i += 1) expect(() => guard.addEntry(10)).toThrow(noMemory);
  used = 100 * mebibyte;
  guard.addEntry(10);
});

test.each([
  { name: "small entries", storedBytes: 20 },
  { name: "entries of a mebibyte", storedBytes: mebibyte },
])("looks now and then, more often the less is left, and never too late: $name", ({ storedBytes }) => {
  let used = 0;
  let looks = 0;
  let lookedAt = 0;
  let largestStep = 0;
  const guard = new MemoryGuard(() => {
    looks += 1;
    largestStep = Math.max(largestStep, used - lookedAt);
    lookedAt = used;
    return [use(used)];
  });
  const fill = (): void => {
    for (;;) {
      guard.addEntry(storedBytes);
      // What an object needs at most.
      used += 256 + 6 * storedBytes;
    }
  };
  expect(fill).toThrow(noMemory);
  expect(used).toBeGreaterThan(790 * mebibyte);
  expect(used).toBeLessThanOrEqual(801 * mebibyte);
  expect(looks).toBeLessThan(400);
  expect(largestStep).toBeLessThan(60 * mebibyte);
});
