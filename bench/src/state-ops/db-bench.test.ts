import { expect, test } from "vitest";
import { WrongResultError } from "../question.js";
import { resultLines } from "./db-bench.js";

const read = "... finished 200 ops \rreadrandom   :  3.610 micros/op 276971 ops/sec 2.000 seconds 553999 operations; 29.6 MB/s " +
  "(553999 of 553999 found)\n";
const update = "updaterandom : 11.045 micros/op 90535 ops/sec 2.010 seconds 181999 operations; 19.3 MB/s ( updates:200000 found:181999)\n";

test("results as db_bench prints them", () => {
  expect(resultLines("readrandom", `Keys: 12 bytes\n${read}`)).toEqual([
    { operations: 553_999, operationsMs: 2_000, snapshotMs: 0 }, { checked: 553_999 },
  ]);
  expect(resultLines("updaterandom", update)[0]).toMatchObject({ operations: 181_999, operationsMs: expect.closeTo(2_010) });
});

test("a key that was not found is a wrong result", () => {
  expect(() => resultLines("readrandom", read.replace("(553999", "(553998"))).toThrow(WrongResultError);
  expect(() => resultLines("updaterandom", update.replace("found:181999", "found:1"))).toThrow("found 1 of 181999 keys");
  expect(() => resultLines("readrandom", read.replace(/\(.*\)/u, ""))).toThrow(WrongResultError);
});

test("other output is no result", () => {
  expect(() => resultLines("readrandom", "readrandom: unknown benchmark\n")).toThrow("no result of readrandom");
  expect(() => resultLines("readrandom", "")).toThrow("no result");
});
