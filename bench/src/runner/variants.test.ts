import { expect, test } from "vitest";
import { numberIn, type Question, type ResultLine } from "../question.js";
import { neededBytes } from "./plan.js";
import { noProgress } from "./progress.js";
import { type Launch, runQuestion } from "./run-question.js";

const first = (lines: readonly ResultLine[]): number => numberIn(lines[0] ?? {}, "value");

const question: Question = {
  name: "waiting",
  summary: "how long",
  systems: ["ours", "theirs"],
  standardSystems: ["ours", "theirs"],
  size: { kind: "keys", standard: 100, quick: 10 },
  measurements: [
    { name: "plain", figures: [{ name: "p50", unit: "ms", valueOf: first }] },
    {
      name: "linked",
      systems: ["ours"],
      figures: [{ name: "p99-links", unit: "ms", valueOf: first, pooled: (runs) => Math.max(...runs.map(first)) }],
      settings: ({ size }) => ({ files: "linked", keys: size / 2 }),
    },
  ],
  settings: ({ size }) => ({ keys: size, files: "copied" }),
};

function run(systems: string[], launch: Launch, cases?: string[]): ReturnType<typeof runQuestion> {
  return runQuestion({
    question, systems, runs: 3, launch, size: 100, isQuick: false, progress: noProgress, machine: "a machine", commit: "abc",
    ...(cases === undefined ? {} : { cases }),
  });
}

test("a variant has its own systems and settings, and a pooled value is that of all runs", async () => {
  const asked: unknown[] = [];
  const rows = await run(["ours", "theirs"], async (_, { measurement, system, run }, settings) => {
    asked.push([measurement.name, system, settings["files"], settings["keys"]]);
    return [{ value: run * 10, build: "one", checked: 1 }];
  });
  expect(asked.slice(0, 3)).toEqual([
    ["plain", "ours", "copied", 100], ["plain", "theirs", "copied", 100], ["linked", "ours", "linked", 50],
  ]);
  expect(asked).toHaveLength(9);
  expect(rows.map((row) => [row.case, row.system, row.value, row.params["files"]])).toEqual([
    ["p50", "ours", 20, "copied"], ["p50", "theirs", 20, "copied"], ["p99-links", "ours", 30, "linked"],
  ]);
  expect(rows[2]?.spread).toEqual({ min: 10, max: 30, runs: 3 });
});

test("a pooled value that is no number gives no row; systems that cannot be asked are told", async () => {
  const launch: Launch = async () => [{ value: 1, build: "one", checked: 1 }];
  await expect(run(["theirs"], launch, ["p99-links"])).rejects.toThrow("none of theirs can be asked about these cases");
  const broken = question.measurements.map((measurement) => ({
    ...measurement,
    figures: measurement.figures.map((figure) => ({ ...figure, pooled: () => Number.NaN })),
  }));
  const options = { question: { ...question, measurements: broken }, systems: ["ours"], runs: 1, launch, size: 1, isQuick: true };
  await expect(runQuestion({ ...options, progress: noProgress, machine: "", commit: "" })).rejects.toThrow("no usable value");
});

test("the space that is needed is that of the cases asked for", () => {
  const sized: Question = {
    ...question,
    diskBytes: (size) => size,
    measurements: question.measurements.map((measurement) => ({
      ...measurement,
      ...(measurement.name === "linked" ? { diskBytes: (size: number) => 9 * size } : {}),
    })),
  };
  expect(neededBytes(sized, ["p50"], 5)).toBe(5);
  expect(neededBytes(sized, ["p50", "p99-links"], 5)).toBe(45);
  expect(neededBytes(sized, undefined, 5)).toBe(45);
  expect(neededBytes(question, ["p50"], 5)).toBe(0);
});
