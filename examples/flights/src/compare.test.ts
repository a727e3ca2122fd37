import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compareWithReference, type Comparison } from "./compare.js";
import { flightsPath } from "./flight.js";
import { computeReference, type Reference } from "./reference.js";

let directory = "";
let reference: Reference;
let lines: string[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-compare-"));
  reference = await computeReference({ input: flightsPath(), records: 3_000 });
  lines = [...reference.lines()];
});

afterAll(() => rm(directory, { recursive: true, force: true }));

async function compare(result: readonly string[]): Promise<Comparison> {
  const path = join(directory, "result.ndjson");
  await writeFile(path, result.map((line) => `${line}\n`).join(""));
  return compareWithReference(path, reference);
}

describe("comparing a result with the reference", () => {
  test("equal in any order", async () => {
    const comparison = await compare(lines.toReversed());
    expect(comparison).toMatchObject({ match: true, missing: 0, unexpected: 0, different: 0, routeDays: lines.length, examples: [] });
    const delays = comparison.mostDelayed.map((route) => route.meanDelay);
    expect(delays).toEqual(delays.toSorted((a, b) => b - a));
    expect(delays).toHaveLength(10);
  });

  test("one line missing, twice there, altered, or no line at all", async () => {
    expect(await compare(lines.slice(1))).toMatchObject({
      match: false,
      missing: 1,
      unexpected: 0,
      different: 0,
      examples: [`missing: ${lines[0]}`],
    });
    expect(await compare([...lines, lines[3] ?? ""])).toMatchObject({ match: false, missing: 0, unexpected: 1, different: 0 });
    const altered = (lines[5] ?? "").replace(/"delaySum":(-?\d+)/u, (_, sum) => `"delaySum":${Number(sum) + 1}`);
    expect(await compare(lines.with(5, altered))).toMatchObject({ match: false, missing: 0, unexpected: 0, different: 1 });
    for (const bad of ["", "null", "[]", '{"origin":"X"}', '{"origin":"X","destination":"Y","day":"2001-01-01","flights":1}', '{"origi']) {
      expect(await compare([...lines, bad])).toMatchObject({ match: false, unexpected: 1, missing: 0 });
    }
    const nothing = await compare([]);
    expect(nothing).toMatchObject({ match: false, missing: lines.length });
    expect(nothing.examples).toHaveLength(5);
  });

  test("a result that is not there is an error", async () => {
    await expect(compareWithReference(join(directory, "none"), reference)).rejects.toThrow(/ENOENT/u);
  });
});
