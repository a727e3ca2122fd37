import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ResultLine, WrongResultError } from "../question.js";
import { Settings } from "../settings.js";
import { measureJob, requireEqual, TakenCheckpoints } from "./measure-job.js";
import { ResultDigest } from "./result-digest.js";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-bench-job-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function measure(system: string, name: string, settings: Record<string, string | number>): Promise<ResultLine> {
  const lines: ResultLine[] = [];
  const all = { system, case: name, directory, ...settings };
  await measureJob(Settings.of(all), (line) => lines.push(line), () => performance.now());
  expect(lines.at(-1)).toEqual({ checked: lines.at(-2)?.["results"] });
  return lines.at(-2) ?? {};
}

describe.each(["memory", "rocksdb"])("jobs on %s", (system) => {
  test("running sum: the digest is the one that Flink's side has, too", async () => {
    const line = await measure(system, "sum-p1", { records: 100_000, keys: 10_000, seed: 1 });
    expect(line).toMatchObject({ inputs: 100_000, results: 100_000, checkpoints: 0, digest: -705_918_165 });
  });

  test("word count over ASCII words in lower case", async () => {
    const textFile = join(directory, "text");
    await writeFile(textFile, "To be, or not\r\n\n  to BE\u00e9be_2\nlast");
    expect(await measure(system, "words-p1", { textFile })).toMatchObject({ inputs: 4, results: 8 });
  });

  test("with checkpoints", async () => {
    const line = await measure(system, "sum-p1-checkpointed", { records: 200_000, keys: 1_000, seed: 2, checkpointIntervalMs: 5 });
    expect(line["checkpoints"]).toBeGreaterThan(0);
  });
});

test("an input without words is no result", async () => {
  const textFile = join(directory, "text");
  await writeFile(textFile, "...\n");
  await expect(measure("memory", "words-p1", { textFile })).rejects.toThrow(WrongResultError);
});

test("unknown work is refused", async () => {
  await expect(measure("memory", "window-p1", {})).rejects.toThrow("unknown case: window-p1");
});

function digestOf(results: readonly (readonly [number, number])[]): ResultDigest {
  const digest = new ResultDigest();
  for (const [first, second] of results) digest.add(first, second);
  return digest;
}

test("a missing, changed or exchanged result is found out", () => {
  const right = [[1, 5], [2, 7], [1, 9]] as const;
  expect(() => requireEqual(digestOf(right), digestOf(right))).not.toThrow();
  for (const wrong of [right.slice(1), [...right, [1, 9]] as const, [[1, 5], [2, 8], [1, 9]] as const, [[2, 7], [1, 5], [1, 9]] as const]) {
    expect(() => requireEqual(digestOf(wrong), digestOf(right))).toThrow(/the job gave .* it must give 3 with the digest/u);
  }
});

test("checkpoints must have been taken where there was time, and none may fail; that at the end of the input does not count", () => {
  const taken = new TakenCheckpoints();
  taken.checkpointCompleted({ kind: "final" });
  expect(() => taken.require(2_000, 1_000)).not.toThrow();
  expect(() => taken.require(4_000, 1_000)).toThrow("no checkpoint was completed in 4000 ms, and one was due every 1000 ms");
  taken.checkpointCompleted({ kind: "checkpoint" });
  expect(() => taken.require(4_000, 1_000)).not.toThrow();
  taken.checkpointFailed({ error: new Error("disk full") });
  expect(() => taken.require(4_000, 1_000)).toThrow("a checkpoint failed");
});
