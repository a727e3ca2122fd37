import { expect, test } from "vitest";
import { GapRecorder } from "./gap-recorder.js";

test("the longest gap of a window, with the whole length of gaps that reach into it", async () => {
  const gaps = new GapRecorder();
  for (const nowMs of [0, 50, 51]) gaps.record(nowMs);
  gaps.open();
  for (const nowMs of [61, 63]) gaps.record(nowMs);
  const first = gaps.close();
  gaps.record(70);
  expect(await first).toBe(10);
  // Between windows nothing counts.
  gaps.record(1_000);
  gaps.open();
  gaps.record(1_001);
  const second = gaps.close();
  gaps.record(1_004);
  expect(await second).toBe(3);
});

test("percentiles and counts are over all windows since reset()", async () => {
  const gaps = new GapRecorder();
  gaps.record(0);
  gaps.open();
  let nowMs = 0;
  for (let record = 1; record <= 999; record += 1) gaps.record((nowMs += 1));
  const closed = gaps.close();
  gaps.record((nowMs += 200));
  await closed;
  expect(gaps.percentile(0.5)).toBeCloseTo(1, 1);
  expect(gaps.percentile(0.999)).toBeCloseTo(1, 1);
  expect(gaps.percentile(1)).toBeCloseTo(200, 1);
  expect(gaps.countFrom(100)).toBe(1);
  gaps.reset();
  expect(gaps.countFrom(0)).toBe(0);
  expect(() => gaps.percentile(0.5)).toThrow("no gap was recorded");
});

test("the first record of all ends no gap; windows do not overlap", async () => {
  const gaps = new GapRecorder();
  expect(() => gaps.close()).toThrow("no window of gaps is open");
  gaps.open();
  expect(() => gaps.open()).toThrow("open already");
  gaps.record(1_000_000);
  const closed = gaps.close();
  gaps.record(1_000_002);
  expect(await closed).toBe(2);
});
