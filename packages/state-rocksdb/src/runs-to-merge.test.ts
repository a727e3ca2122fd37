import { describe, expect, test } from "vitest";
import { type PlannedRun, runsToMerge } from "./runs-to-merge.js";

interface Run {
  sizeBytes: number;
  merges: number;
  merge: Merge | undefined;
}
interface Merge {
  readonly runs: readonly Run[];
  leftBytes: number;
}

/** What trickles out along with each delta, as many times its bytes. */
const creditFactor = 2.5;

function plannedOf(runs: readonly Run[], merges: readonly Merge[]): PlannedRun[] {
  return runs.map((run) => ({ merges: run.merges, merge: run.merge === undefined ? undefined : merges.indexOf(run.merge), side: 0 }));
}

/** Deltas whose merges are uploaded little by little: the most runs there were, bytes uploaded over changed, largest over median. */
function simulate(count: number, max: number, sizeOf: (round: number) => number): { runs: number; amplification: number; peak: number } {
  let runs: Run[] = [];
  let merges: Merge[] = [];
  const uploads: number[] = [];
  let most = 0;
  let changed = 0;
  let credit = 0;
  for (let round = 0; round < count; round += 1) {
    const size = sizeOf(round);
    changed += size;
    let upload = size;
    runs.push({ sizeBytes: size, merges: 0, merge: undefined });
    credit = merges.length === 0 ? 0 : credit + creditFactor * size;
    merges.sort((left, right) => left.leftBytes - right.leftBytes);
    for (const merge of merges.slice()) {
      const part = runs.length > max ? merge.leftBytes : Math.min(credit, merge.leftBytes);
      merge.leftBytes -= part;
      credit = Math.max(0, credit - part);
      upload += part;
      if (merge.leftBytes > 1e-9) continue;
      const merged = { sizeBytes: sum(merge.runs), merges: 1 + Math.max(...merge.runs.map((run) => run.merges)), merge: undefined };
      runs = runs.flatMap((run) => (run === merge.runs[0] ? [merged] : run.merge === merge ? [] : [run]));
      merges = merges.filter((other) => other !== merge);
    }
    most = Math.max(most, runs.length);
    for (let range = runsToMerge(plannedOf(runs, merges), max); range !== undefined; range = runsToMerge(plannedOf(runs, merges), max)) {
      const taken = runs.slice(range.start, range.end);
      const merge = { runs: taken, leftBytes: sum(taken) };
      for (const run of taken) run.merge = merge;
      merges.push(merge);
    }
    uploads.push(upload);
  }
  uploads.sort((left, right) => left - right);
  const peak = (uploads.at(-1) as number) / (uploads[uploads.length >> 1] as number);
  return { runs: most, amplification: sum(uploads.map((sizeBytes) => ({ sizeBytes }))) / changed, peak };
}

const sum = (runs: readonly { sizeBytes: number }[]): number => runs.reduce((total, { sizeBytes }) => total + sizeBytes, 0);

function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state / 0x8000_0000;
  };
}

const random = randomNumbers(7);
const shapes: Record<string, (round: number) => number> = {
  equal: () => 1,
  falling: (round) => 1 + 1000 / (1 + round),
  growing: (round) => 1 + round / 100,
  random: () => 0.01 + 2 * random(),
  heavy: () => 1 / (0.003 + random()),
};

describe("runs to merge", () => {
  // Bytes that go out in 300 and 3,000 checkpoints, over those that changed. Without merges it is 1.
  test.each(Object.keys(shapes))("deltas of sizes that are %s: never more runs than wanted, and few bytes twice", (name) => {
    const sizeOf = shapes[name] as (round: number) => number;
    const [short, long] = [simulate(300, 60, sizeOf), simulate(3000, 60, sizeOf)];
    expect(short.runs).toBeLessThanOrEqual(60);
    expect(long.runs).toBeLessThanOrEqual(60);
    expect(short.amplification).toBeLessThan(2.1);
    expect(long.amplification).toBeLessThan(3.1);
    if (name === "equal") expect(short.peak).toBeLessThanOrEqual(4);
  });

  test("a small bound costs more, but stays a bound", () => {
    for (const max of [8, 20]) {
      const { runs, amplification } = simulate(1000, max, () => 1);
      expect(runs).toBeLessThanOrEqual(max);
      expect(amplification).toBeLessThan(12);
    }
    expect(simulate(100, 1, () => 1).runs).toBeLessThanOrEqual(2);
  });

  test("without need nothing is merged", () => {
    const few = Array.from({ length: 36 }, (): PlannedRun => ({ merges: 0, merge: undefined, side: 0 }));
    expect(runsToMerge([], 60)).toBeUndefined();
    expect(runsToMerge(few, 60)).toBeUndefined();
    expect(runsToMerge([...few, { merges: 0, merge: undefined, side: 0 }], 60)).toEqual({ start: 0, end: 37 });
  });

  test("any range it gives is of free neighbours of one side, two or more", () => {
    const next = randomNumbers(11);
    const below = (end: number): number => Math.floor(next() * end);
    let given = 0;
    for (let round = 0; round < 5000; round += 1) {
      const sideFrom = below(90);
      const runs = Array.from({ length: below(90) }, (_, index): PlannedRun => ({
        merges: below(4),
        merge: below(10) === 0 ? below(3) : undefined,
        side: index < sideFrom ? 0 : 1,
      }));
      const range = runsToMerge(runs, 1 + below(60));
      if (range === undefined) continue;
      given += 1;
      const taken = runs.slice(range.start, range.end);
      expect(taken.length).toBe(range.end - range.start);
      expect(taken.length).toBeGreaterThanOrEqual(2);
      expect(taken.every(({ merge, side }) => merge === undefined && side === taken[0]?.side)).toBe(true);
    }
    expect(given).toBeGreaterThan(500);
  });
});
