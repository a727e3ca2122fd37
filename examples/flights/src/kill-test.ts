/** Runs the whole quickstart job again and again on a slice of the flights, each time with other kills: `npm run test:kill`. */
import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wallClock } from "./clock.js";
import { backendName, command, jobEntry, runMain, wholeNumber } from "./command-line.js";
import { flightsPath } from "./flight.js";
import { formatDuration } from "./format.js";
import type { BackendName } from "./job-contract.js";
import { noProgress } from "./progress.js";
import { runQuickstart } from "./quickstart.js";
import { computeReference, type Reference } from "./reference.js";
import { seededRandom } from "./seeded-random.js";

interface Options {
  readonly runs: number;
  readonly records: number;
  readonly kills: number;
  readonly backend: string;
  readonly seed?: number;
}

async function main(): Promise<number> {
  const parser = command("kill-test", "Kills the flights job at random moments and compares its result, many times")
    .option("--runs <count>", "how many jobs", wholeNumber(1, 100_000), 20)
    .option("--records <count>", "length of the slice", wholeNumber(1, Number.MAX_SAFE_INTEGER), 240_000)
    .option("--kills <count>", "kills of each job", wholeNumber(0, 100), 2)
    .option("--backend <name>", "where state is kept: memory or rocksdb", "rocksdb")
    .option("--seed <number>", "repeats an earlier series", wholeNumber(0, 4_294_967_295))
    .parse();
  const options = parser.opts<Options>();
  const backend = backendName(options.backend);
  const baseSeed = options.seed ?? randomInt(2 ** 31);
  const input = flightsPath();
  const reference = await computeReference({ input, records: options.records });
  process.stdout.write(
    `base seed ${baseSeed}: ${options.runs} jobs of ${reference.records} records, ${options.kills} kills each, ${backend}\n`,
  );
  const random = seededRandom(baseSeed);
  let failed = 0;
  for (let run = 1; run <= options.runs; run++) {
    const seed = Math.floor(random() * 2 ** 32);
    const startMs = wallClock.nowMs();
    const problems = await runOnce({ backend, seed, kills: options.kills, records: options.records, input, reference });
    const took = formatDuration(wallClock.nowMs() - startMs);
    process.stdout.write(`run ${run} seed ${seed}: ${problems.length === 0 ? "passed" : "FAILED"} (${took})\n`);
    for (const problem of problems) process.stdout.write(`  ${problem}\n`);
    if (problems.length > 0) failed++;
  }
  process.stdout.write(`${options.runs - failed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

interface RunOptions {
  readonly backend: BackendName;
  readonly seed: number;
  readonly kills: number;
  readonly records: number;
  readonly input: string;
  readonly reference: Reference;
}

/** What went wrong, in lines of text; nothing when the result is exact. Its files stay for a look when something did. */
async function runOnce(options: RunOptions): Promise<readonly string[]> {
  const outputDirectory = await mkdtemp(join(tmpdir(), "tidemark-kill-"));
  const problems = await problemsOf(options, outputDirectory);
  if (problems.length === 0) await rm(outputDirectory, { recursive: true, force: true });
  return problems.length === 0 ? [] : [...problems, `its files are in ${outputDirectory}`];
}

async function problemsOf(options: RunOptions, outputDirectory: string): Promise<readonly string[]> {
  try {
    const entry = jobEntry(import.meta.url);
    const outcome = await runQuickstart({ ...options, outputDirectory, jobEntry: entry, clock: wallClock, progress: noProgress });
    if (outcome === undefined) return ["the job stopped before its end"];
    const { report, details } = outcome;
    const problems = [...details.differences];
    if (report.kills !== options.kills) problems.push(`${report.kills} kills instead of ${options.kills}`);
    if (details.restores < options.kills) problems.push(`${details.restores} restores for ${options.kills} kills`);
    return problems;
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

await runMain(main);
