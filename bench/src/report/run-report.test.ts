import { expect, test } from "vitest";
import type { ResultLine } from "../question.js";
import type { Launch } from "../runner/run-question.js";
import { type Part, readyPart } from "./parts.js";
import { smallQuestions } from "./report.test.support.js";
import type { Measured } from "./results.js";
import { describePlan, planReport, type ReportRun, runReport } from "./run-report.js";

const parts: readonly Part[] = [
  { name: "speed", question: "speed", runs: 2 },
  { name: "pauses", question: "pauses", runs: 1 },
  { name: "large-pauses", question: "pauses", systems: ["rocksdb", "flink-rocksdb"], size: "4GiB", runs: 1 },
];
const line: ResultLine = { rate: 5, pause: 1, build: "one", checked: 1 };

interface Setting {
  launch?: Launch;
  results?: Measured[];
  isAgain?: boolean;
  commit?: string;
  systems?: string[];
  stop?: AbortController;
}

async function report({ launch = async () => [line], results = [], ...rest }: Setting = {}) {
  const { isAgain = false, commit = "abc", stop = new AbortController() } = rest;
  const published: Measured[] = [];
  const lines: string[] = [];
  let nowMs = 0;
  const run: ReportRun = {
    parts: parts.map((part) => readyPart(part, smallQuestions, false)),
    systems: rest.systems ?? ["memory", "rocksdb", "flink-hashmap", "flink-rocksdb"],
    isQuick: false, isAgain, results, launch, signal: stop.signal,
    surroundings: { commit, machine: "a machine", buildOf: (names) => names.join("+") },
    log: (text) => lines.push(text),
    nowMs: () => (nowMs += 1_000),
    timeOfDay: () => "2026-01-02T03:04:05.000Z",
    publish: async (measured) => void published.push(measured),
  };
  return { outcome: await runReport(run), published, lines, run };
}

test("each part is published when it is done, and a second call measures nothing again", async () => {
  const first = await report();
  expect(first.outcome).toEqual({ measured: ["speed", "pauses", "large-pauses"], kept: [], failed: [], stopped: [] });
  expect(first.published.map(({ part, rows }) => [part, rows.length])).toEqual([["speed", 8], ["pauses", 1], ["large-pauses", 1]]);
  const second = await report({ results: first.published, launch: async () => Promise.reject(new Error("must not run")) });
  expect(second.outcome).toEqual({ measured: [], kept: ["speed", "pauses", "large-pauses"], failed: [], stopped: [] });
});

test("all is measured again when asked, at another commit, and where a system is there now that was not", async () => {
  const { published } = await report();
  expect((await report({ results: published, isAgain: true })).outcome.measured).toHaveLength(3);
  expect((await report({ results: published, commit: "abd" })).outcome.measured).toHaveLength(3);
  const alone = await report({ systems: ["memory", "rocksdb"] });
  expect((await report({ results: alone.published })).outcome).toMatchObject({ measured: ["speed"], kept: ["pauses", "large-pauses"] });
});

test("what was finished before a stop is kept, the part under way is not, and the next call goes on there", async () => {
  const stop = new AbortController();
  const launch: Launch = async (question, { run }) => {
    if (question === "pauses") {
      stop.abort(new Error("stopped by SIGINT"));
      throw new Error("killed");
    }
    return [{ ...line, rate: run }];
  };
  const first = await report({ launch, stop });
  expect(first.outcome).toEqual({ measured: ["speed"], kept: [], failed: [], stopped: ["pauses", "large-pauses"] });
  expect(first.published.map(({ part }) => part)).toEqual(["speed"]);
  const asked: string[] = [];
  const second = await report({ results: first.published, launch: async (question) => (asked.push(question), [line]) });
  expect(second.outcome).toMatchObject({ measured: ["pauses", "large-pauses"], kept: ["speed"] });
  expect(asked).toEqual(["pauses", "pauses"]);
});

test("a part that fails gives nothing, is named, and the others go on", async () => {
  const launch: Launch = async (question) => (question === "speed" ? [{ ...line, checked: 0 }] : [line]);
  const { outcome, published } = await report({ launch });
  expect(outcome.failed).toEqual([{ part: "speed", reason: "read on memory did not check its results" }]);
  expect(outcome.measured).toEqual(["pauses", "large-pauses"]);
  expect(published.map(({ part }) => part)).toEqual(["pauses", "large-pauses"]);
});

test("systems that cannot hold a size or are not here are left out, and told", async () => {
  const { published, lines } = await report({ systems: ["flink-hashmap", "flink-rocksdb"] });
  const systemsOf = ({ rows }: Measured) => [...new Set(rows.map(({ system }) => system))];
  expect(published.map((measured) => [measured.part, systemsOf(measured)])).toEqual([["speed", ["flink-hashmap"]]]);
  expect(lines).toContain("pauses is skipped: none of its systems can run here");
  expect(lines).toContain("large-pauses: flink-rocksdb is skipped: it is too small for that");
});

test("the time left begins with what was written down and ends with what was measured", async () => {
  const { lines, run } = await report();
  // Every process takes a second by the clock of this test, and 30 are expected of it.
  const [total] = describePlan(planReport(run), (durationMs) => `${durationMs / 1_000} s`).slice(-1);
  // 8 processes of speed, 1 and (of four times the size) 4 times that of pauses.
  expect(total).toBe("3 parts to measure, about 390 s in all");
  const left = lines.flatMap((text) => /about (\d+) s left/u.exec(text)?.[1] ?? []).map(Number);
  expect(left[0]).toBe(12);
  expect(left.at(-1)).toBe(4);
  expect(lines.at(-1)).not.toContain("left");
});
