/** The command behind `npm run bench:quick`: whether every question still gives right results, on tiny sizes. */
import { availableParallelism } from "node:os";
import { runProgram } from "../program.js";
import { questions } from "../questions/index.js";
import { isFlinkBuilt } from "../systems/flink-peer.js";
import { prepareSystems } from "../systems/launch.js";
import { quickChecks, runChecks } from "./check-questions.js";

await runProgram(async (_, signal) => {
  const log = (line: string): void => void process.stdout.write(`${line}\n`);
  // The changelog is the same code with one more option; without it all stays below three minutes on two cores.
  const flink = (await isFlinkBuilt()) ? ["flink-hashmap", "flink-rocksdb"] : [];
  if (flink.length === 0) log("Flink is left out: its side is not built here; npm run bench -- state-ops builds it");
  const checks = quickChecks(questions, flink);
  const wanted = [...new Set(checks.flatMap(({ systems }) => systems))];
  const { launch } = await prepareSystems(wanted, { isQuick: true, log }, signal);
  const { passed, failed } = await runChecks(checks, { launch, signal, log, lanes: Math.min(4, availableParallelism()) });
  log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
});
