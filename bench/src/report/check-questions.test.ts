import { expect, test } from "vitest";
import { questions } from "../questions/index.js";
import type { Launch } from "../runner/run-question.js";
import { quickChecks, runChecks } from "./check-questions.js";
import { smallQuestions } from "./report.test.support.js";

const line = { rate: 5, pause: 1, build: "one", checked: 1 };
const never = new AbortController().signal;

async function check(launch: Launch, signal = never) {
  const lines: string[] = [];
  const checks = quickChecks(smallQuestions, ["flink-hashmap", "flink-rocksdb"]);
  return { totals: await runChecks(checks, { launch, signal, lanes: 2, log: (text) => lines.push(text) }), lines };
}

test("every case of every question is asked of our systems, of the others the first measurement", async () => {
  const asked: string[] = [];
  const { totals, lines } = await check(async (question, { measurement, system }, settings) => {
    asked.push(`${question} ${measurement.name} ${system} ${settings["keys"]}`);
    return [line];
  });
  expect(totals).toEqual({ passed: 4, failed: 0 });
  expect(asked.sort()).toEqual([
    "pauses all flink-rocksdb 1024", "pauses all rocksdb 1024", "speed read flink-hashmap 10",
    "speed read memory 10", "speed read rocksdb 10", "speed write memory 10", "speed write rocksdb 10",
  ]);
  expect(lines).toContain("ok      speed on memory, rocksdb: 8 figures");
});

test("a wrong result is a failure, and the others go on", async () => {
  const { totals, lines } = await check(async (_, { system }) => [{ ...line, checked: system === "memory" ? 0 : 1 }]);
  expect(totals).toEqual({ passed: 3, failed: 1 });
  const failures = lines.filter((text) => text.startsWith("FAILED"));
  expect(failures).toEqual(["FAILED  speed on memory, rocksdb: read on memory did not check its results"]);
});

test("a signal ends it", async () => {
  const stop = new AbortController();
  const launch: Launch = async () => {
    stop.abort(new Error("stopped by SIGINT"));
    throw new Error("killed");
  };
  await expect(check(launch, stop.signal)).rejects.toThrow("stopped by SIGINT");
});

test("no question is left out", () => {
  expect(new Set(quickChecks(questions, []).map(({ question }) => question.name))).toEqual(new Set(questions.map(({ name }) => name)));
});
