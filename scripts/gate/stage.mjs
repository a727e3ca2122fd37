import { BuildError } from "../../packages/rocksdb/build/build-error.mjs";
import { duration } from "../../packages/rocksdb/build/progress.mjs";

/**
 * @typedef {object} Outcome
 * @property {string} summary a few words
 * @property {number} [passed] tests in the stage that passed; a stage itself always counts as one
 * @property {number} [failed]
 */

/** @typedef {{ name: string, run: () => Promise<Outcome>, isEssential?: boolean }} Stage essential: the rest needs it */
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
 * stages and the tests in them.
 *
 * @param {readonly Stage[]} stages
 * @param {{ log?: (line: string) => void, startMs?: number }} [options]
 * @returns {Promise<Totals>}
 */
export async function runStages(stages, { log = console.log, startMs = performance.now() } = {}) {
  const totals = { passed: 0, failed: 0 };
  const lines = [];
  for (const { name, run, isEssential } of stages) {
    const stageStartMs = performance.now();
    /** @type {Outcome} */
    let outcome;
    let isPassed = true;
    try {
      outcome = await run();
      isPassed = (outcome.failed ?? 0) === 0;
    } catch (error) {
      isPassed = false;
      log(describe(name, error));
      const counts = error instanceof StageFailure ? error.counts : {};
      outcome = { summary: "see above", ...counts };
    }
    totals.passed += (outcome.passed ?? 0) + (isPassed ? 1 : 0);
    totals.failed += (outcome.failed ?? 0) + (isPassed ? 0 : 1);
    const nowMs = performance.now();
    const took = `${duration(nowMs - stageStartMs)}, ${duration(nowMs - startMs)} in all`;
    const line = `${isPassed ? "ok    " : "FAILED"} ${name.padEnd(18)} ${outcome.summary} (${took})`;
    lines.push(line);
    log(line);
    if (!isPassed && isEssential === true) {
      log(`the stages after "${name}" need it and were not run`);
      break;
    }
  }
  if (totals.failed > 0) log(`\n${lines.join("\n")}`);
  log(`${totals.passed} passed, ${totals.failed} failed`);
  return totals;
}

/** @param {string} name @param {unknown} error */
function describe(name, error) {
  const expected = error instanceof StageFailure || error instanceof BuildError;
  return `--- ${name}\n${expected ? error.message : error instanceof Error ? error.stack : String(error)}\n---`;
}
