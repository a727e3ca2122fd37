import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { measureOf } from "./measurements.js";
import type { Question, ResultLine } from "./question.js";
import type { Row } from "./row.js";
import { checkpoint } from "./questions/checkpoint.js";
import { questions } from "./questions/index.js";
import { job } from "./questions/job.js";
import { latency } from "./questions/latency.js";
import { memory } from "./questions/memory.js";
import { rescale } from "./questions/rescale.js";
import { restore } from "./questions/restore.js";
import { stateLatency } from "./questions/state-latency.js";
import { stateLimits } from "./questions/state-limits.js";
import { stateOps } from "./questions/state-ops.js";
import { noProgress } from "./runner/progress.js";
import { type Launch, runQuestion } from "./runner/run-question.js";
import { Settings } from "./settings.js";

/** Measures in this process, with a clock that goes on by itself: the same few operations on every machine. */
const launchHere: Launch = (...step) => {
  let nowMs = 0;
  return launchWith(() => (nowMs += 10))(...step);
};

/** The same with the real clock, by which records keep their pace. */
const launchPaced: Launch = launchWith(() => performance.now());

function launchWith(nowMs: () => number): Launch {
  return async (question, { measurement, system }, settings) => {
    const directory = await mkdtemp(join(tmpdir(), "tidemark-bench-test-"));
    const lines: ResultLine[] = [];
    try {
      const measure = await measureOf(question);
      const files = await measurement.files?.({ isQuick: true, log: () => undefined });
      await measure(Settings.of({ ...settings, ...files, system, directory, case: measurement.name }), (line) => lines.push(line), nowMs);
      return lines;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  };
}

function quickRows(question: Question, system: string, size: number, launch: Launch = launchHere): Promise<Row[]> {
  return runQuestion({
    question, size, systems: [system], runs: 1, isQuick: true, launch, progress: noProgress, machine: "here", commit: "abc",
  });
}

const figureCount = ({ measurements }: Question, system: string): number =>
  measurements.filter(({ systems }) => systems?.includes(system) ?? true).flatMap(({ figures }) => figures).length;

describe.each(["memory", "rocksdb"])("measurements on %s read back what they wrote", (system) => {
  test("state-ops", async () => {
    const rows = await quickRows(stateOps, system, 300);
    expect(rows).toHaveLength(figureCount(stateOps, system));
    expect(rows.every(({ value }) => value > 0)).toBe(true);
    expect(rows[0]?.build).toContain(system === "rocksdb" ? ", rocksdb " : "node ");
  });
  test("job", async () => {
    const rows = await quickRows(job, system, 2_000, launchPaced);
    expect(rows.map((row) => [row.case, row.unit])).toEqual([
      ["sum-p1", "records/s"], ["sum-p1-checkpointed", "records/s"], ["words-p1", "words/s"], ["words-p1-checkpointed", "words/s"],
    ]);
    expect(rows.every(({ value }) => value > 0)).toBe(true);
  });
  test("state-latency", async () => {
    const rows = await quickRows(stateLatency, system, 12_000);
    expect(rows.map((row) => row.case)).toEqual(["update-1000-p999", "update-1000-max", "snapshot-pause-1M", "snapshot-pause-10M"]);
  });
  test("state-limits", async () => {
    expect(await quickRows(stateLimits, system, 3_000)).toHaveLength(2);
  });
});

const valueOf = (rows: readonly Row[], name: string): number => rows.find((row) => row.case === name)?.value ?? Number.NaN;

/** 256 values of 1 KiB. */
const smallBytes = 2 ** 18;

describe.each(["memory", "fs", "rocksdb"])("checkpoints and restores on %s", (system) => {
  test("checkpoint: bytes are at least those that changed, and what was restored is right", async () => {
    const rows = await quickRows(checkpoint, system, smallBytes, launchPaced);
    const asked = checkpoint.measurements.filter(({ systems }) => systems?.includes(system) ?? true);
    expect(rows).toHaveLength(asked.flatMap(({ figures }) => figures).length);
    expect(valueOf(rows, "uploaded-over-changed")).toBeGreaterThan(1);
    expect(valueOf(rows, "restore-over-state")).toBeGreaterThanOrEqual(1);
    expect(valueOf(rows, "first-uploaded")).toBeGreaterThan(256 * 1_032);
    expect(rows.find((row) => row.case === "pause-p50")?.params).toMatchObject({ files: "copied", rounds: 3, keys: 256 });
    const linked = rows.find((row) => row.case === "pause-p50-links");
    if (system === "rocksdb") {
      expect(valueOf(rows, "uploaded-mean-full")).toBeGreaterThan(valueOf(rows, "first-uploaded") * 0.9);
      expect(valueOf(rows, "uploaded-mean-live-files")).toBeGreaterThan(0);
    }
    if (system !== "memory") expect(linked?.params).toMatchObject({ files: "linked", rounds: 3 });
  });
  test("latency", async () => {
    const rows = await quickRows(latency, system, smallBytes, launchPaced);
    expect(rows.map((row) => row.case)).toEqual([
      "gap-p50-20k", "gap-p99-20k", "gap-max-20k", "gap-p50-20k-idle", "gap-p99-20k-idle", "gap-max-20k-idle",
    ]);
  });
  test("restore", async () => {
    const rows = await quickRows(restore, system, smallBytes, launchPaced);
    expect(valueOf(rows, "first-record")).toBeGreaterThan(0);
    expect(valueOf(rows, "read-over-state")).toBeGreaterThanOrEqual(1);
    expect(rows.some((row) => row.case === "writes-stopped")).toBe(system === "rocksdb");
  });
  test("rescale", async () => {
    const rows = await quickRows(rescale, system, smallBytes, launchPaced);
    expect(valueOf(rows, "first-record-1to2")).toBeGreaterThan(0);
    expect(valueOf(rows, "first-record-2to1")).toBeGreaterThan(0);
  });
});

test.runIf(process.platform === "linux")("memory", async () => {
  const rows = await quickRows(memory, "rocksdb", 2 ** 20, launchPaced);
  expect(rows.map((row) => row.case)).toEqual([
    "resident-over-budget", "resident-base", "resident-over-budget-16", "resident-base-16",
    "resident-over-budget-1024", "resident-base-1024",
  ]);
  expect(valueOf(rows, "resident-base")).toBeGreaterThan(10);
});

test.runIf(process.platform === "linux")("a plain copy is measured beside a restore by copy", async () => {
  const rows = await quickRows(restore, "cp", smallBytes, launchPaced);
  expect(rows.map((row) => [row.case, row.system])).toEqual([["first-record-copy", "cp"]]);
  expect(rows[0]?.build).toContain("sha256sum");
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
