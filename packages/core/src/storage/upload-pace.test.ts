import { expect, test } from "vitest";
import { ManualClock } from "../testing/manual-clock.js";
import { UploadPace } from "./upload-pace.js";

test("a clock that is set back makes no upload wait longer than the rate says", async () => {
  const clock = new ManualClock(3_600_000);
  const pace = new UploadPace({ clock: { now: () => clock.nowMs(), schedule: clock.schedule.bind(clock) }, bytesPerSecond: 1_000 });
  await pace.take(500);
  clock.set(0);
  let isThrough = false;
  const second = pace.take(1).then(() => (isThrough = true));
  clock.advance(499);
  await new Promise((resolve) => setImmediate(resolve));
  expect(isThrough).toBe(false);
  clock.advance(1);
  await second;
  expect(clock.nowMs()).toBe(500);
});
