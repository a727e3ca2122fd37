import { expect, test } from "vitest";
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

test("state-ops has every operation of Flink's suite", () => {
  expect(stateOps.measurements.map(({ name }) => name)).toEqual([
    "valueUpdate", "valueAdd", "valueGet",
    "listUpdate", "listAdd", "listAppend", "listAddAll", "listGet", "listGetAndIterate",
    "mapUpdate", "mapAdd", "mapRemove", "mapPutAll", "mapGet", "mapContains", "mapIsEmpty",
    "mapKeys", "mapValues", "mapEntries", "mapIterator",
  ]);
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
