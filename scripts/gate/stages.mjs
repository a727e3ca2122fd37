import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "../../packages/rocksdb/build/run-command.mjs";
import { setUp, setupSteps } from "../setup/main.mjs";
import { compileProjects, compileTypes, root } from "../setup/steps.mjs";
import { StageFailure } from "./stage.mjs";

/** @typedef {import("./stage.mjs").Stage} Stage */

/** Set-up without its last step, the types, which are a stage of their own. @type {Stage} */
export const setupStage = {
  name: "set-up",
  isEssential: true,
  run: async (log) => {
    const steps = setupSteps.filter((step) => step.run !== compileTypes);
    if (!(await setUp({ steps, log }))) throw new StageFailure("the set-up failed; see above");
    return { summary: "ready" };
  },
};

/** @type {Stage} */
export const typesStage = { name: "types", run: async () => ({ summary: await compileProjects([".", "scripts"]) }) };

/** @type {Stage} */
export const lintStage = {
  name: "lint",
  run: async () => {
    const output = await runTool("oxlint/bin/oxlint", ["--deny-warnings"]);
    return { summary: /on (\d+ files)/.exec(output)?.[1] ?? "clean" };
  },
};

/**
 * All vitest tests. Progress is printed as it comes, since this is the longest stage.
 *
 * @param {{ name?: string, node?: string, args?: readonly string[], env?: Record<string, string> }} [options] node: another Node
 *   binary to run them with
 * @returns {Stage}
 */
export function testsStage({ name = "tests", node = process.execPath, args = [], env = {} } = {}) {
  return {
    name,
    run: async (log) => {
      const directory = mkdtempSync(join(tmpdir(), "tidemark-gate-"));
      const report = join(directory, "report.json");
      try {
        const vitest = join(root, "node_modules/vitest/vitest.mjs");
        const { exitCode } = await runCommand(
          node,
          [vitest, "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...args],
          { cwd: root, onLine: log, env: { ...process.env, CI: "true", ...env } },
        );
        return countTests(readReport(report), exitCode);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    },
  };
}

/**
 * @typedef {object} VitestReport
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numFailedTestSuites
 */

/**
 * Turns vitest's JSON report into counts. Vitest can fail without a failed test (a file that does not load, an unhandled
 * rejection, no test at all), which counts as one failure.
 *
 * @param {VitestReport | undefined} report
 * @param {number} exitCode
 * @returns {import("./stage.mjs").Outcome}
 */
export function countTests(report, exitCode) {
  if (report === undefined) throw new StageFailure(`vitest ended with exit code ${exitCode} and without a report; see above`);
  const { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped } = report;
  const summary = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
  if (exitCode !== 0 || failed > 0) throw new StageFailure(`vitest: ${summary} (exit code ${exitCode}); see above`, { passed, failed });
  if (passed === 0) throw new StageFailure("vitest found no tests");
  return { summary, passed };
}

/** @param {string} path @returns {VitestReport | undefined} */
function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

/**
 * Runs a JavaScript program of node_modules; throws StageFailure with its output when it fails.
 *
 * @param {string} path below node_modules
 * @param {readonly string[]} args
 */
async function runTool(path, args) {
  const { exitCode, output } = await runCommand(process.execPath, [join(root, "node_modules", path), ...args], { cwd: root });
  if (exitCode !== 0) throw new StageFailure(`${output.trimEnd()}\n${path} ended with exit code ${exitCode}`);
  return output;
}
