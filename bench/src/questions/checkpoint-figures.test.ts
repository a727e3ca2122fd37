import { expect, test } from "vitest";
import type { ResultLine } from "../question.js";
import { checkpointFigures } from "./checkpoint-figures.js";

const run = (pauses: readonly number[]): ResultLine[] => [
  { build: "one" },
  { firstUploadedBytes: 5_000, firstPauseMs: 9, stateBytes: 1_000 },
  ...pauses.map((pauseMs, round) => ({
    round, pauseMs, durationMs: 10, gapMs: pauseMs + 1,
    uploadedBytes: 100 * (round + 1), changedBytes: 100, restoreBytes: 1_000 + 500 * round,
  })),
  { gapP999Ms: 4 },
  ...pauses.map(() => ({ idlePauseMs: 0.5, idleGapMs: 0.75 })),
  { idleGapP999Ms: 0.7 },
  { checked: 1 },
];

const lines = run([1, 2, 30]);
const all = Object.values(checkpointFigures).flatMap((figures) => figures("-x"));

test("figures of one run", () => {
  expect(Object.fromEntries(all.map((figure) => [figure.name, figure.valueOf(lines)]))).toEqual({
    "pause-p50-x": 2, "pause-p99-x": 30, "pause-p99-idle-x": 0.5, "pause-max-x": 30, "pause-max-idle-x": 0.5, "first-pause-x": 9,
    "duration-p50-x": 10,
    "gap-p50-x": 3, "gap-max-x": 31, "gap-max-idle-x": 0.75, "gap-p999-x": 4, "gap-p999-idle-x": 0.7,
    "uploaded-over-changed-x": 2, "uploaded-mean-x": 200, "peak-over-median-x": 1.5, "restore-over-state-x": 2,
    "first-uploaded-x": 5_000,
  });
});

test("the p99 of pauses is over the barriers of all runs, and nothing else is pooled", () => {
  const pooled = all.filter((figure) => figure.pooled !== undefined);
  expect(pooled.map(({ name }) => name)).toEqual(["pause-p99-x", "pause-p99-idle-x"]);
  const quiet = run(Array.from({ length: 100 }, () => 1));
  const pool = pooled[0]?.pooled;
  expect(pool?.([run([1, 90]), quiet, quiet])).toBe(1);
  expect(pool?.([run([1, 90]), run([2, 80]), run([3, 100])])).toBe(100);
});

test("a run without rounds has no figures", () => {
  for (const figure of all) expect(() => figure.valueOf([{ checked: 1 }]), figure.name).toThrow("printed no");
});
