import { BuildError } from "../../packages/rocksdb/build/build-error.mjs";
import { duration } from "../../packages/rocksdb/build/progress.mjs";
import { stopOnSignals } from "../../packages/rocksdb/build/signals.mjs";
import { compileTypes, ensureBinding, ensureLibrary, ensureNpmDependencies } from "./steps.mjs";

/** @typedef {{ name: string, run: (log: (line: string) => void) => Promise<string> }} Step run resolves to a few words on what was done */

/** Everything a clean clone needs, in order. */
export const setupSteps = /** @type {Step[]} */ ([
  { name: "npm dependencies", run: ensureNpmDependencies },
  { name: "RocksDB library", run: ensureLibrary },
  { name: "RocksDB binding", run: ensureBinding },
  { name: "TypeScript", run: compileTypes },
]);

/**
 * Runs set-up steps one after the other and prints a line for each. The first that fails ends it.
 *
 * @param {{ steps?: readonly Step[], log?: (line: string) => void }} [options]
 * @returns {Promise<boolean>} whether all went well
 */
export async function setUp({ steps = setupSteps, log = console.error } = {}) {
  for (const { name, run } of steps) {
    const startMs = performance.now();
    try {
      const result = await run(log);
      log(`set-up: ${name.padEnd(16)} ${result} (${seconds(performance.now() - startMs)})`);
    } catch (error) {
      log(`set-up: ${name} failed\n${error instanceof BuildError ? error.message : (error instanceof Error ? error.stack : error)}`);
      return false;
    }
  }
  return true;
}

/** For `npm run setup`. */
export async function setupFromCommandLine() {
  stopOnSignals();
  process.exitCode = (await setUp()) ? 0 : 1;
}

/** @param {number} ms */
function seconds(ms) {
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms);
}
