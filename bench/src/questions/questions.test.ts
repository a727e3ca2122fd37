import { expect, test } from "vitest";
import type { Parameters } from "../row.js";
import { checkpoint } from "./checkpoint.js";
import { stateOps } from "./state-ops.js";
import { questions } from "./index.js";

test("names of questions, and of cases in a question, are unique", () => {
  const names = questions.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { measurements } of questions) {
    const cases = measurements.flatMap(({ figures }) => figures.map(({ name }) => name));
    expect(new Set(cases).size).toBe(cases.length);
  }
});

test("a summary is one line, and the standard systems are among the known ones", () => {
  for (const { summary, systems, standardSystems } of questions) {
    expect(summary).not.toContain("\n");
    expect(systems).toEqual(expect.arrayContaining([...standardSystems]));
  }
});

test("a variant is asked of systems that its question knows, and each of its figures is named once", () => {
  for (const question of questions) {
    for (const { systems } of question.measurements) expect(question.systems).toEqual(expect.arrayContaining([...(systems ?? [])]));
  }
});

test("what cannot be measured yet is no case, and says what is missing", () => {
  for (const { measurements, notYet = {} } of questions) {
    const cases = measurements.flatMap(({ figures }) => figures.map(({ name }) => name));
    for (const [name, missing] of Object.entries(notYet)) {
      expect(cases).not.toContain(name);
      expect(missing).not.toBe("");
    }
  }
});

test("settings are whole numbers and texts, at every size: that is how a process takes them", () => {
  for (const question of questions) {
    for (const size of [question.size.quick, question.size.standard, 16 * question.size.standard]) {
      for (const measurement of question.measurements) {
        for (const isQuick of [true, false]) {
          const parameters = { ...question.settings({ size, isQuick }), ...measurement.settings?.({ size, isQuick }) };
          for (const [name, value] of Object.entries(parameters)) {
            if (typeof value === "number") expect(Number.isSafeInteger(value) && value > 0, `${question.name} ${name} ${value}`).toBe(true);
          }
        }
      }
    }
  }
});

test("the standard checkpoints change 1 % of the keys a round at 20,000 records a second, the others what their names say", () => {
  const settingsOf = (name: string, size: number): Parameters => ({
    ...checkpoint.settings({ size, isQuick: false }),
    ...checkpoint.measurements.find((measurement) => measurement.name === name)?.settings?.({ size, isQuick: false }),
  });
  expect(settingsOf("copied", 2 ** 30)).toMatchObject({ recordsPerRound: 10_486, recordsPerSecond: 20_000, rounds: 50, files: "copied" });
  expect(settingsOf("copied", 2 ** 32)).toMatchObject({ recordsPerRound: 41_943, recordsPerSecond: 20_000 });
  expect(settingsOf("changes-0.1pct", 2 ** 30)).toMatchObject({ recordsPerRound: 1_049, recordsPerSecond: 2_098 });
  expect(settingsOf("changes-0.01pct", 2 ** 30)).toMatchObject({ recordsPerRound: 105, recordsPerSecond: 210 });
  expect(settingsOf("300-rounds", 2 ** 30)).toMatchObject({ rounds: 300, recordsPerRound: 10_486 });
  expect(settingsOf("same-changes", 2 ** 34)).toMatchObject({ recordsPerRound: 10_486, keys: 2 ** 24 });
  expect(settingsOf("links", 2 ** 30)).toMatchObject({ files: "linked" });
});

test("systems in memory are not asked for more than fits", () => {
  expect(checkpoint.tooLarge?.("fs", 2 ** 32)).toContain("2 GiB");
  expect(checkpoint.tooLarge?.("fs", 2 ** 30)).toBeUndefined();
  expect(checkpoint.tooLarge?.("rocksdb", 2 ** 34)).toBeUndefined();
});

test("state-ops has every operation of Flink's suite", () => {
  expect(stateOps.measurements.map(({ name }) => name).filter((name) => !name.includes("-"))).toEqual([
    "valueUpdate", "valueAdd", "valueGet",
    "listUpdate", "listAdd", "listAppend", "listAddAll", "listGet", "listGetAndIterate",
    "mapUpdate", "mapAdd", "mapRemove", "mapPutAll", "mapGet", "mapContains", "mapIsEmpty",
    "mapKeys", "mapValues", "mapEntries", "mapIterator",
  ]);
});

test("a large state is 20 times its budget on both sides, however its entries are kept", () => {
  const large = stateOps.measurements.filter(({ name }) => /-(20x|5pct)$/u.test(name));
  expect(large.map(({ name, systems }) => [name, systems?.[1]])).toEqual([
    ["valueUpdate-20x", "flink-rocksdb"], ["valueGet-20x", "flink-rocksdb"], ["read-modify-write-20x", "flink-rocksdb"],
    ["listAppend-20x", "flink-rocksdb"], ["mapUpdate-20x", "flink-rocksdb"], ["mapGet-20x", "flink-rocksdb"],
    ["mapIterator-20x", "flink-rocksdb"], ["valueGet-5pct", "db_bench"], ["read-modify-write-5pct", "db_bench"],
  ]);
  for (const { name, settings } of large) {
    const { keys, valueBytes, budgetBytes } = settings?.({ size: 500_000, isQuick: false }) ?? {};
    const entries = Number(keys) * (/^(list|map)/u.test(name) ? 10 : 1);
    expect((entries * (8 + Number(valueBytes))) / Number(budgetBytes), name).toBeCloseTo(20, 3);
    expect(Number(budgetBytes) / 2 ** 20, name).toBeCloseTo(32.2, 1);
  }
});

test("the standard figure of a writing operation has the snapshot in its time, -undrained has not", () => {
  const lines = [
    { operations: 100, operationsMs: 10, snapshotMs: 30 },
    { checked: 1 },
    { operations: 300, operationsMs: 10, snapshotMs: 0 },
  ];
  const valuesOf = (name: string): unknown => {
    const measurement = stateOps.measurements.find((candidate) => candidate.name === name);
    return measurement?.figures.map((figure) => [figure.name, figure.valueOf(lines)]);
  };
  const update = stateOps.measurements.find(({ name }) => name === "valueUpdate");
  expect(valuesOf("valueUpdate")).toEqual([["valueUpdate", 8], ["valueUpdate-undrained", 20]]);
  const get = stateOps.measurements.find(({ name }) => name === "valueGet");
  expect(valuesOf("valueGet")).toEqual([["valueGet", 20]]);
  expect(() => get?.figures[0]?.valueOf([{ checked: 1 }])).toThrow("no iteration");
  expect(() => update?.figures[0]?.valueOf([{ operations: 100, operationsMs: 10 }])).toThrow("snapshotMs");
});
