import { describe, expect, test } from "vitest";
import { dueBytes, type PlannedRun, type RunRange, runsBound, runsToMerge } from "./runs-to-merge.js";

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

interface Outcome {
  /** The most there were. */
  readonly runs: number;
  /** Bytes uploaded over bytes changed; without merges it is 1. */
  readonly amplification: number;
  /** The largest upload over the median. */
  readonly peak: number;
  /** The largest upload over the mean of the ten deltas up to it. */
  readonly overMean: number;
}

/** Deltas whose merges are uploaded little by little. */
function simulate(count: number, wanted: number, sizeOf: (round: number) => number): Outcome {
  const max = runsBound(wanted);
  let runs: Run[] = [];
  let merges: Merge[] = [];
  const uploads: number[] = [];
  const sizes: number[] = [];
  let overMean = 0;
  let most = 0;
  let changed = 0;
  let credit = 0;
  for (let round = 0; round < count; round += 1) {
    const size = sizeOf(round);
    changed += size;
    sizes.push(size);
    let upload = size;
    runs.push({ sizeBytes: size, merges: 0, merge: undefined });
    merges.sort((left, right) => left.leftBytes - right.leftBytes);
    const due = dueBytes(merges.map((merge) => ({ leftBytes: merge.leftBytes, runs: merge.runs.length })), runs.length, max);
    credit = merges.length === 0 ? 0 : Math.max(credit + creditFactor * size, due);
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
    const next = (): RunRange | undefined => runsToMerge(plannedOf(runs, merges), wanted);
    for (let range = next(); range !== undefined; range = next()) {
      const taken = runs.slice(range.start, range.end);
      const merge = { runs: taken, leftBytes: sum(taken) };
      for (const run of taken) run.merge = merge;
      merges.push(merge);
    }
    uploads.push(upload);
    overMean = Math.max(overMean, upload / (total(sizes.slice(-10)) / Math.min(10, sizes.length)));
  }
  uploads.sort((left, right) => left - right);
  const peak = (uploads.at(-1) as number) / (uploads[uploads.length >> 1] as number);
  return { runs: most, amplification: total(uploads) / changed, peak, overMean };
}

const total = (numbers: readonly number[]): number => numbers.reduce((left, right) => left + right, 0);
const sum = (runs: readonly { sizeBytes: number }[]): number => runs.reduce((total, { sizeBytes }) => total + sizeBytes, 0);

function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state / 0x8000_0000;
  };
}

const random = randomNumbers(7);
const unit = 10_000;
const shapes: Record<string, (round: number) => number> = {
  equal: () => unit,
  falling: (round) => unit * (1 + 1000 / (1 + round)),
  growing: (round) => unit * (1 + round / 100),
  random: () => unit * (0.01 + 2 * random()),
  heavy: () => unit / (0.003 + random()),
};

describe("runs to merge", () => {
  test.each(Object.keys(shapes))("deltas of sizes that are %s: never more runs than may be, and few bytes twice", (name) => {
    const sizeOf = shapes[name] as (round: number) => number;
    for (const count of [300, 3000]) {
      const { runs, amplification, peak, overMean } = simulate(count, 60, sizeOf);
      expect(runs).toBeLessThanOrEqual(120);
      expect(amplification).toBeLessThan(2.1);
      if (name === "equal") expect(peak).toBeLessThanOrEqual(count === 300 ? 4 : 6);
      // Uneven deltas: what a merge of large ones holds goes out beside small ones.
      expect(overMean).toBeLessThanOrEqual(60);
    }
  });

  test("50 checkpoints are not merged at all", () => {
    expect(simulate(60, 60, () => unit)).toEqual({ runs: 60, amplification: 1, peak: 1, overMean: 1 });
  });

  test.each([300, 600, 1000, 2000])("%i equal deltas: no upload stands out, with other numbers neither", (count) => {
    for (const wanted of [60, 90, 120]) {
      const { runs, peak, amplification } = simulate(count, wanted, () => unit);
      expect(runs).toBeLessThanOrEqual(runsBound(wanted));
      expect(peak).toBeLessThanOrEqual(4);
      expect(amplification).toBeLessThanOrEqual(2);
    }
  });

  test("few runs cost more, but stay few", () => {
    for (const [wanted, limit] of [[20, 4], [8, 6]] as const) {
      const { runs, amplification } = simulate(1000, wanted, () => unit);
      expect(runs).toBeLessThanOrEqual(runsBound(wanted));
      expect(amplification).toBeLessThan(limit);
    }
    expect(simulate(100, 1, () => unit).runs).toBeLessThanOrEqual(2);
  });

  test("without need nothing is merged", () => {
    const few = Array.from({ length: 60 }, (): PlannedRun => ({ merges: 0, merge: undefined, side: 0 }));
    expect(runsToMerge([], 60)).toBeUndefined();
    expect(runsToMerge(few, 60)).toBeUndefined();
    expect(runsToMerge([...few, { merges: 0, merge: undefined, side: 0 }], 60)).toEqual({ start: 0, end: 61 });
  });

  test("what is due rises as the bound comes near, and no merge is left to the last moment", () => {
    expect(dueBytes([], 70, 60)).toBe(0);
    const merges = [{ leftBytes: 100, runs: 11 }, { leftBytes: 1000, runs: 5 }];
    const due = [30, 40, 47, 52, 56, 60, 70].map((runs) => dueBytes(merges, runs, 60));
    // The first leaves ten runs less, so there is time for the second until then.
    expect(due).toEqual([...due].sort((left, right) => left - right));
    expect(dueBytes(merges.slice(0, 1), 47, 60)).toBe(10);
    expect(dueBytes(merges, 47, 60)).toBe(55);
    expect(dueBytes(merges.slice(0, 1), 60, 60)).toBe(100);
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
      const range = runsToMerge(runs, 1 + below(30));
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
