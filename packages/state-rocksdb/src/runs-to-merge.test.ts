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

/** A chain of deltas whose merges are uploaded little by little: the most runs there were, bytes uploaded over changed, largest over median. */
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
if (process.env["SHOW"] !== undefined) {
  for (const max of [60, 20, 8, 2, 1]) {
    for (const count of [100, 300, 3000]) {
      for (const [name, sizeOf] of Object.entries(shapes)) { const r = simulate(count, max, sizeOf); console.log(`=${max} ${count} ${name} runs ${r.runs} amp ${r.amplification.toFixed(2)} peak ${r.peak.toFixed(1)}`); };
    }
  }
}
describe("runs to merge", () => {
  test("x", () => expect(1).toBe(1));
});
