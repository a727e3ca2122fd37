import { SeededRandom } from "@tidemark/core/testing";
import { expect, test } from "vitest";
import { percentile } from "../statistics.js";
import { UpdateWindows } from "./update-windows.js";

test("every run of updates in a row counts, also those across a pause", () => {
  const windows = new UpdateWindows(3, 6, 0);
  // Each takes 1 ms, with a pause of 10 ms before the fourth.
  for (const endMs of [1, 2, 3, 14, 15, 16]) windows.add(endMs);
  expect(windows.result()).toEqual({ p999Ms: 13, maxMs: 13 });
});

test("equals a plain computation over all windows", () => {
  const seed = 7;
  const random = new SeededRandom(seed);
  const ends = [0];
  for (let update = 0; update < 5_000; update += 1) ends.push((ends.at(-1) ?? 0) + random.below(100));
  const windows = new UpdateWindows(100, 5_000, 0);
  for (const endMs of ends.slice(1)) windows.add(endMs);
  const durations = ends.slice(100).map((endMs, index) => endMs - (ends[index] ?? Number.NaN));
  expect(durations).toHaveLength(4_901);
  expect(windows.result()).toEqual({ p999Ms: percentile(durations, 0.999), maxMs: Math.max(...durations) });
});

test("too few updates have no answer", () => {
  expect(() => new UpdateWindows(10, 9, 0)).toThrow("no 10 in a row");
  const windows = new UpdateWindows(2, 3, 0);
  windows.add(1);
  windows.add(2);
  expect(() => windows.result()).toThrow("not every update");
});
