import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { measureOf } from "./measurements.js";
import type { Question, ResultLine } from "./question.js";
import type { Row } from "./row.js";
import { questions } from "./questions/index.js";
import { stateLatency } from "./questions/state-latency.js";
import { stateLimits } from "./questions/state-limits.js";
import { stateOps } from "./questions/state-ops.js";
import { noProgress } from "./runner/progress.js";
import { type Launch, runQuestion } from "./runner/run-question.js";
import { Settings } from "./settings.js";

/** Measures in this process, with a clock that goes on by itself: the same few operations on every machine. */
const launchHere: Launch = async (question, { measurement, system }, settings) => {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-bench-test-"));
  const lines: ResultLine[] = [];
  let nowMs = 0;
  try {
    const measure = await measureOf(question);
    const own = Settings.of({ ...settings, system, directory, case: measurement.name });
    await measure(own, (line) => lines.push(line), () => (nowMs += 10));
    return lines;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};

function quickRows(question: Question, system: string, size: number): Promise<Row[]> {
  return runQuestion({
    question, size, systems: [system], runs: 1, isQuick: true, launch: launchHere, progress: noProgress, machine: "here", commit: "abc",
  });
}

const figureCount = (question: Question): number => question.measurements.reduce((sum, { figures }) => sum + figures.length, 0);

describe.each(["memory", "rocksdb"])("measurements on %s read back what they wrote", (system) => {
  test("state-ops", async () => {
    const rows = await quickRows(stateOps, system, 300);
    expect(rows).toHaveLength(figureCount(stateOps));
    expect(rows.every(({ value }) => value > 0)).toBe(true);
    expect(rows[0]?.build).toContain(system === "rocksdb" ? ", rocksdb " : "node ");
  });
  test("state-latency", async () => {
    const rows = await quickRows(stateLatency, system, 12_000);
    expect(rows.map((row) => row.case)).toEqual(["update-1000-p999", "update-1000-max", "snapshot-pause-1M", "snapshot-pause-10M"]);
  });
  test("state-limits", async () => {
    expect(await quickRows(stateLimits, system, 3_000)).toHaveLength(2);
  });
});

test("every question has code that measures it", async () => {
  for (const { name } of questions) expect(await measureOf(name)).toBeTypeOf("function");
  await expect(measureOf("speed")).rejects.toThrow("nothing measures speed");
});

test("unknown systems and cases are refused", async () => {
  const launch = (system: string, name: string): Promise<unknown> =>
    launchHere("state-ops", { measurement: { name, figures: [] }, system, run: 1 }, stateOps.settings({ size: 10, isQuick: true }));
  await expect(launch("redis", "valueGet")).rejects.toThrow("unknown system: redis");
  await expect(launch("memory", "valueGot")).rejects.toThrow("unknown case: valueGot");
  await expect(launch("memory", "mapGot")).rejects.toThrow("unknown case: mapGot");
  await expect(launch("memory", "listGot")).rejects.toThrow("unknown case: listGot");
});
