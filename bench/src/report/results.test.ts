import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatSize } from "../size.js";
import { readyPart } from "./parts.js";
import { isMeasured, type Measured, publishResults, readResults, type Surroundings } from "./results.js";
import { measuredOf, rowOfReport, smallQuestions } from "./report.test.support.js";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-report-test-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe("results files", () => {
  test("what is published is read back, in place of what was there, and nothing else is left", async () => {
    expect(await readResults(join(directory, "none"))).toEqual([]);
    const results = join(directory, "results");
    await publishResults(results, measuredOf("speed", [rowOfReport({ value: 1 })]));
    await publishResults(results, measuredOf("other", [rowOfReport({ value: 5 })]));
    const second = measuredOf("speed", [rowOfReport({ value: 2 })]);
    await publishResults(results, second);
    expect((await readResults(results)).map(({ part, rows }) => [part, rows[0]?.value])).toEqual([["other", 5], ["speed", 2]]);
    expect((await readResults(results))[1]).toEqual(second);
    expect((await readdir(results)).sort()).toEqual(["other.json", "speed.json"]);
  });

  const good = measuredOf("speed", [rowOfReport({})]);
  const withRow = (change: object): unknown => ({ ...good, rows: [{ ...good.rows[0], ...change }] });
  test.each<[string, unknown]>([
    ["an empty file", ""],
    ["half of a file", JSON.stringify(good).slice(0, 100)],
    ["a list", []],
    ["no rows", { ...good, rows: [] }],
    ["rows that are no list", { ...good, rows: {} }],
    ["another part", { ...good, part: "else" }],
    ["no time", { ...good, finishedAt: "yesterday" }],
    ["no isQuick", { ...good, isQuick: "no" }],
    ["a value that is text", withRow({ value: "5" })],
    ["a value that is null", withRow({ value: null })],
    ["no spread", withRow({ spread: undefined })],
    ["no commit", withRow({ commit: "" })],
    ["params that are a list", withRow({ params: [] })],
  ])("%s is refused, with what to do", async (_, content) => {
    await writeFile(join(directory, "speed.json"), typeof content === "string" ? content : JSON.stringify(content));
    await expect(readResults(directory)).rejects.toThrow(/speed\.json is damaged \(.+\); remove it, or take it back from git/u);
  });

  test("a draft that a killed report left is not read", async () => {
    await publishResults(directory, good);
    await writeFile(join(directory, "speed.json.tmp"), "half");
    expect(await readResults(directory)).toEqual([good]);
    expect(JSON.parse(await readFile(join(directory, "speed.json"), "utf8"))).toEqual(good);
  });
});

describe("what counts as measured", () => {
  const part = readyPart({ name: "speed", question: "speed", runs: 3 }, smallQuestions, false);
  const size = formatSize(part.size, "keys");
  const systems = ["memory", "flink-hashmap"];
  const here: Surroundings = { commit: "abc", machine: "a machine", buildOf: (names) => `build for ${names.join("+")}` };
  const rows = part.cases.flatMap((name) => systems.map((system) => rowOfReport({ case: name, system, size, runs: 3 })));
  const measured: Measured = { ...measuredOf("elsewhere", rows), build: here.buildOf(systems) };
  const is = (results: Measured[], surroundings = here, quick = false): boolean => isMeasured(results, part, systems, surroundings, quick);

  test("all figures, from enough runs, of the same commit, build and machine; from whatever part", () => {
    expect(is([measured])).toBe(true);
    expect(is([{ ...measured, rows: rows.map((row) => ({ ...row, spread: { ...row.spread, runs: 5 } })) }])).toBe(true);
  });
  test.each<[string, Partial<Measured>]>([
    ["a figure is missing", { rows: rows.slice(1) }],
    ["a system is missing", { rows: rows.filter(({ system }) => system !== "flink-hashmap") }],
    ["too few runs", { rows: rows.map((row, index) => (index === 0 ? { ...row, spread: { ...row.spread, runs: 2 } } : row)) }],
    ["another size", { rows: rows.map((row) => ({ ...row, size: "5 keys" })) }],
    ["another commit", { rows: rows.map((row) => ({ ...row, commit: "abd" })) }],
    ["another machine", { rows: rows.map((row) => ({ ...row, machine: "another" })) }],
    ["another build", { build: "newer" }],
    ["tiny sizes", { isQuick: true }],
  ])("%s: it is measured again", (_, change) => {
    expect(is([{ ...measured, ...change }])).toBe(false);
  });
  test("figures of two files are not one measurement", () => {
    expect(is([{ ...measured, rows: rows.slice(1) }, { ...measured, rows: rows.slice(0, 1) }])).toBe(false);
  });
  test.each(["abc+changes", "unknown"])("commit %s does not say what was measured", (commit) => {
    expect(is([{ ...measured, rows: rows.map((row) => ({ ...row, commit })) }], { ...here, commit })).toBe(false);
  });
});
