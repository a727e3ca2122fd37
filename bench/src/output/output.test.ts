import { describe, expect, test } from "vitest";
import { type Row, rowOf } from "../row.js";
import { compare, ratioOf } from "./comparison.js";
import { formatDuration, formatValue } from "./format.js";
import { htmlPage } from "./html-page.js";
import { textTable } from "./text-table.js";

function row(name: string, system: string, values: number[], unit = "ops/ms"): Row {
  return rowOf({
    question: "state-ops",
    case: name,
    system,
    values,
    unit,
    size: "10 keys",
    params: { keys: 10, note: "<b>&" },
    build: `build of ${system}`,
    machine: "a machine",
    commit: "abc",
  });
}

const rows = [
  row("valueGet", "memory", [300, 100, 200]),
  row("valueGet", "flink-hashmap", [100]),
  row("valueUpdate", "memory", [100]),
  row("valueUpdate", "flink-hashmap", [200]),
  row("valueUpdate-undrained", "memory", [1000]),
  row("valueUpdate-undrained", "flink-hashmap", [1]),
];

describe("output", () => {
  test("a row without a usable value is refused", () => {
    expect(() => row("a", "b", [])).toThrow("no usable value");
    expect(() => row("a", "b", [1, Number.POSITIVE_INFINITY])).toThrow("no usable value");
  });
  test("values keep four digits", () => {
    expect(row("a", "b", [1234.567, 1234.567]).value).toBe(1235);
    expect(row("a", "b", [0.0123456]).spread).toEqual({ min: 0.01235, max: 0.01235, runs: 1 });
  });
  test("ratios are of the standard variants: more of a rate, less of a time", () => {
    expect(compare(rows).ratios).toEqual([{ system: "memory", peer: "flink-hashmap", ratio: expect.closeTo(1), cases: 2 }]);
    const times = compare([row("pause", "rocksdb", [5], "ms"), row("pause", "flink-rocksdb", [20], "ms")]);
    const [entry] = times.cases;
    expect(entry && ratioOf(entry, "rocksdb", "flink-rocksdb")).toBe(4);
    expect(entry && ratioOf(entry, "memory", "flink-rocksdb")).toBeUndefined();
  });
  test("the table has a line for each case and the spread of several runs", () => {
    const table = textTable(rows);
    expect(table).toMatch(/valueGet +│ ops\/ms │ 200 \(100 - 300\)/);
    expect(table).toContain("memory over flink-hashmap: 1.00x (geometric mean of 2 cases)");
  });
  test("the page stands alone, has a picture, and text cannot break out of it", async () => {
    const page = await htmlPage("state-ops", rows);
    expect(page).toContain("<svg");
    expect(page).toContain("valueUpdate-undrained");
    expect(page).toContain("&lt;b&gt;&amp;");
    expect(page).not.toMatch(/<script|<link|<img|src=|NaN|undefined/);
    expect(page.replaceAll(/xmlns(:\w+)?="[^"]*"/g, "")).not.toMatch(/https?:/);
  });
  test("numbers and times for people", () => {
    expect(formatValue(12_345.6)).toBe("12,350");
    expect(formatValue(0.012345)).toBe("0.01235");
    expect([formatDuration(10), formatDuration(61_000), formatDuration(3_660_000)]).toEqual(["1 s", "1 min 1 s", "1 h 1 min"]);
  });
});
