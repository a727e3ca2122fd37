import { stopOnSignals } from "../../packages/rocksdb/build/signals.mjs";
import { runStages } from "./stage.mjs";
import { lintStage, setupStage, testsStage, typesStage } from "./stages.mjs";

/**
 * `npm test`: set-up, types, lint, then all tests, among them the house rules in scripts/tidy. Arguments go to vitest,
 * so `npm test -- packages/core` runs the tests of one package.
 *
 * @param {readonly string[]} args
 */
export async function runTests(args) {
  stopOnSignals();
  const { failed } = await runStages([setupStage, typesStage, lintStage, testsStage({ args })]);
  process.exitCode = failed === 0 ? 0 : 1;
}
