import { BuildError } from "../../packages/rocksdb/build/build-error.mjs";
import { duration } from "../../packages/rocksdb/build/progress.mjs";

/**
 * @typedef {object} Outcome
 * @property {string} summary a few words
 * @property {number} [passed] tests in the stage that passed; a stage itself always counts as one
 * @property {number} [failed]
 */

/** @typedef {(line: string) => void} Log */
/** @typedef {{ name: string, run: (log: Log) => Promise<Outcome>, isEssential?: boolean }} Stage essential: the rest needs it */
/** @typedef {{ passed: number, failed: number }} Totals */

/** A stage that did not pass; `details` is printed in full. */
export class StageFailure extends Error {
  /** @param {string} details @param {Partial<Totals>} [counts] tests in it, when it has tests */
  constructor(details, counts = {}) {
    super(details);
    this.name = "StageFailure";
    this.counts = counts;
  }
}

/**
 * Runs all stages, also after a failure, with one line each, and ends with a line "N passed, N failed" that counts
 * stages and the tests in them. Stages in an array of their own run at the same time: what they print begins with their names.
 *
 * @param {readonly (Stage | readonly Stage[])[]} stages
 * @param {{ log?: Log, startMs?: number }} [options]
 * @returns {Promise<Totals>}
 */
export async function runStages(stages, { log = console.log, startMs = performance.now() } = {}) {
  const totals = { passed: 0, failed: 0 };
  /** @type {string[]} */
  const lines = [];
  /** Whether the others may go on. @param {Stage} stage @param {Log} stageLog */
  const runStage = async ({ name, run, isEssential }, stageLog) => {
    const stageStartMs = performance.now();
    const { isPassed, passed = 0, failed = 0, summary } = await outcomeOf(name, () => run(stageLog), stageLog);
    totals.passed += passed + (isPassed ? 1 : 0);
    totals.failed += failed + (isPassed ? 0 : 1);
    const nowMs = performance.now();
    const took = `${duration(nowMs - stageStartMs)}, ${duration(nowMs - startMs)} in all`;
    const line = `${isPassed ? "ok    " : "FAILED"} ${name.padEnd(18)} ${summary} (${took})`;
    lines.push(line);
    log(line);
    if (isPassed || isEssential !== true) return true;
    log(`the stages after "${name}" need it and were not run`);
    return false;
  };
  for (const stage of stages) {
    const goesOn =
      "run" in stage
        ? [await runStage(stage, log)]
        : await Promise.all(stage.map((each) => runStage(each, namedLog(each.name, log))));
    if (goesOn.includes(false)) break;
  }
  if (totals.failed > 0) log(`\n${lines.join("\n")}`);
  log(`${totals.passed} passed, ${totals.failed} failed`);
  return totals;
}

/** A log whose every line begins with a name. @param {string} name @param {Log} log @returns {Log} */
function namedLog(name, log) {
  return (text) => text.split("\n").forEach((line) => log(`${name} | ${line}`));
}

/**
 * @param {string} name
 * @param {() => Promise<Outcome>} run
 * @param {Log} log
 * @returns {Promise<Outcome & { isPassed: boolean }>}
 */
async function outcomeOf(name, run, log) {
  try {
    const outcome = await run();
    return { ...outcome, isPassed: (outcome.failed ?? 0) === 0 };
  } catch (error) {
    log(describe(name, error));
    const counts = error instanceof StageFailure ? error.counts : {};
    return { summary: "see above", ...counts, isPassed: false };
  }
}

/** @param {string} name @param {unknown} error */
function describe(name, error) {
  const expected = error instanceof StageFailure || error instanceof BuildError;
  return `--- ${name}\n${expected ? error.message : error instanceof Error ? error.stack : String(error)}\n---`;
}
