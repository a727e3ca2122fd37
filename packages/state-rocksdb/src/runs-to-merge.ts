/** One run of deltas, as a plan sees it. Runs are listed from the oldest to the newest. */
export interface PlannedRun {
  /** How often its entries were merged at most. */
  readonly merges: number;
  /** The merge under way that takes it up; undefined while none does. */
  readonly merge: number | undefined;
  /** Runs of different sides are not merged with each other. */
  readonly side: number;
}

/** Where a range of runs is; `end` is the index after the last. */
export interface RunRange {
  readonly start: number;
  readonly end: number;
}

/** Runs that there may be for each that is wanted: merges take some checkpoints to go out, and their results pile up. */
const boundPerWanted = 2;
/** From this part of the bound on anything is merged that makes room. */
const crowdedPart = 0.85;
/** So many checkpoints before the bound a merge should be there: its files are not divided at will. */
const sparedRuns = 3;

/** The most runs there are while `wanted` are wanted. */
export function runsBound(wanted: number): number {
  return boundPerWanted * wanted;
}

/**
 * Which runs to merge next; undefined for none now. Up to `wanted` runs nothing is merged. Beyond, runs that were merged equally often are
 * merged when there are as many of them, so that an entry is written again once for each step, and the number of steps grows with the
 * logarithm of the number of deltas: with 60 wanted once up to 3,600 deltas.
 */
export function runsToMerge(runs: readonly PlannedRun[], wanted: number): RunRange | undefined {
  const underWay = new Set(runs.flatMap(({ merge }) => merge ?? []));
  const held = runs.filter(({ merge }) => merge !== undefined).length;
  if (runs.length - held + underWay.size <= wanted) return undefined;
  const most = Math.max(...runs.map(({ merges }) => merges));
  const fanout = Math.max(2, wanted);
  for (let merges = most; merges >= 0; merges -= 1) {
    const range = oldestOf(runs, (run) => run.merges === merges, fanout);
    if (range !== undefined) return range.end - range.start < 2 * fanout ? range : { start: range.start, end: range.start + fanout };
  }
  if (runs.length <= runsBound(wanted) * crowdedPart || underWay.size > 0) return undefined;
  return cheapest(runs, most);
}

/** A merge that is written, but not uploaded yet. */
export interface PendingMerge {
  readonly leftBytes: number;
  /** How many runs become one. */
  readonly runs: number;
}

/**
 * Bytes of merges, in the order in which they are uploaded, that must go out with this checkpoint so that the same in each of the next
 * ones is enough: each merge is whole before the runs that it and those after it leave would exceed the bound.
 */
export function dueBytes(merges: readonly PendingMerge[], runs: number, max: number): number {
  let [sumBytes, checkpoints, due] = [0, max - runs - sparedRuns, 0];
  for (const merge of merges) {
    sumBytes += merge.leftBytes;
    due = Math.max(due, sumBytes / Math.max(1, checkpoints));
    checkpoints += merge.runs - 1;
  }
  return Math.ceil(due);
}

/** The oldest range of free neighbours of one side that match, if it has at least `least` of them. */
function oldestOf(runs: readonly PlannedRun[], matches: (run: PlannedRun) => boolean, least: number): RunRange | undefined {
  for (let start = 0; start < runs.length; ) {
    const end = endOf(runs, start, matches);
    if (end - start >= least) return { start, end };
    start = Math.max(end, start + 1);
  }
  return undefined;
}

function endOf(runs: readonly PlannedRun[], start: number, matches: (run: PlannedRun) => boolean): number {
  const side = runs[start]?.side;
  let end = start;
  while (end < runs.length) {
    const run = runs[end] as PlannedRun;
    if (run.merge !== undefined || run.side !== side || !matches(run)) break;
    end += 1;
  }
  return end;
}

/**
 * The newest range of at least two whose entries were merged least often. Done each time when `max` is reached, this writes entries again
 * as seldom as is possible with so few runs.
 */
function cheapest(runs: readonly PlannedRun[], most: number): RunRange | undefined {
  for (let merges = 0; merges <= most; merges += 1) {
    for (let start = runs.length - 2; start >= 0; start -= 1) {
      const isFirst = start === 0 || endOf(runs, start - 1, (run) => run.merges <= merges) <= start;
      const end = endOf(runs, start, (run) => run.merges <= merges);
      if (isFirst && end - start >= 2) return { start, end };
    }
  }
  return undefined;
}
