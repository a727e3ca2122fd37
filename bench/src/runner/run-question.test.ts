import { describe, expect, test } from "vitest";
import { numberIn, type Question, type ResultLine } from "../question.js";
import { planSteps, selectCases } from "./plan.js";
import { LineProgress, noProgress } from "./progress.js";
import { type Launch, runQuestion } from "./run-question.js";

const question: Question = {
  name: "speed",
  summary: "how fast",
  systems: ["ours", "theirs"],
  standardSystems: ["ours"],
  size: { kind: "keys", standard: 100, quick: 10 },
  measurements: ["read", "write"].map((name) => ({
    name,
    figures: [
      { name, unit: "ops/ms", valueOf: (lines) => numberIn(lines[0] ?? {}, "rate") },
      { name: `${name}-twice`, unit: "ops/ms", valueOf: (lines) => 2 * numberIn(lines[0] ?? {}, "rate") },
    ],
  })),
  settings: ({ size, isQuick }) => ({ keys: size, isQuick }),
};

function run(launch: Launch, options: { systems?: string[]; runs?: number; cases?: string[] } = {}): ReturnType<typeof runQuestion> {
  const { systems = ["ours", "theirs"], runs = 3, cases } = options;
  return runQuestion({
    question, systems, runs, launch, size: 100, isQuick: false, progress: noProgress, machine: "a machine", commit: "abc",
    ...(cases === undefined ? {} : { cases }),
  });
}

const right: ResultLine = { rate: 5, build: "one", checked: 1 };

describe("running a question", () => {
  test("systems interleave within a case, and rounds follow one another", async () => {
    const started: string[] = [];
    await run(async (_, { measurement, system, run }) => {
      started.push(`${measurement.name} ${system} ${run}`);
      return [right];
    }, { runs: 2 });
    expect(started).toEqual([
      "read ours 1", "read theirs 1", "write ours 1", "write theirs 1",
      "read ours 2", "read theirs 2", "write ours 2", "write theirs 2",
    ]);
  });

  test("exactly one row for each case and system, with the median and the spread of its runs", async () => {
    const rates = [30, 10, 20];
    const rows = await run(async (_, { run, system }) => {
      const rate = (rates[run - 1] ?? 0) + (system === "ours" ? 1 : 0);
      return [{ ...right, rate, build: `build of ${system}` }];
    });
    expect(rows).toHaveLength(8);
    expect(new Set(rows.map((row) => `${row.case} ${row.system} ${row.size}`)).size).toBe(8);
    expect(rows[0]).toEqual({
      question: "speed", case: "read", system: "ours", value: 21, unit: "ops/ms", size: "100 keys",
      spread: { min: 11, max: 31, runs: 3 },
      params: { keys: 100, isQuick: false }, build: "build of ours", machine: "a machine", commit: "abc",
    });
  });

  test("only the cases asked for, from only the processes they need", async () => {
    const started: string[] = [];
    const rows = await run(async (_, { measurement }) => {
      started.push(measurement.name);
      return [right];
    }, { systems: ["ours"], runs: 1, cases: ["write-twice"] });
    expect(started).toEqual(["write"]);
    expect(rows.map((row) => [row.case, row.value])).toEqual([["write-twice", 10]]);
    expect(() => selectCases(question, ["fly"])).toThrow('no case "fly"');
  });

  test.each([
    ["did not check its results", { rate: 5, build: "one" }],
    ["did not check its results", { rate: 5, build: "one", checked: 0 }],
    ["did not name its build", { rate: 5, checked: 1 }],
    ['no number "rate"', { rate: "fast", build: "one", checked: 1 }],
    ['no number "rate"', { rate: Number.NaN, build: "one", checked: 1 }],
  ])("a process that %s gives no rows", async (message, line: ResultLine) => {
    await expect(run(async () => [line])).rejects.toThrow(message);
  });

  test("a wrong result in the last run ends all of it", async () => {
    await expect(run(async (_, { run }) => (run === 3 ? Promise.reject(new Error("wrong")) : [right]))).rejects.toThrow("wrong");
  });

  test("progress tells how much is done and how long the rest takes", () => {
    const lines: string[] = [];
    let nowMs = 0;
    const progress = new LineProgress((line) => lines.push(line), () => nowMs);
    const steps = planSteps(question.measurements, ["ours", "theirs"], 1);
    progress.start(steps.length);
    for (const [index, step] of steps.entries()) {
      progress.begin();
      nowMs += index % 2 === 0 ? 1_000 : 3_000;
      progress.end(step, [{ name: "read", value: 1234.5, unit: "ops/ms" }]);
    }
    expect(lines[0]).toBe("4 processes to run, one after the other");
    expect(lines[2]).toBe("2/4  theirs run 1: read 1,235 ops/ms; about 4 s left");
    expect(lines[4]).toBe("4/4  theirs run 1: read 1,235 ops/ms");
  });
});
