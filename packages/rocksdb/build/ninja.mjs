import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { availableParallelism, totalmem } from "node:os";
import { BuildError } from "./build-error.mjs";
import { lastLines, runCommand } from "./run-command.mjs";

/** @typedef {{ object: string, source: string, flags: string, weight: number }} Compilation weight: bytes of source, for the estimate */

/** What one compiler process of RocksDB may need. */
const bytesPerJob = 1.5e9;

/**
 * Compilers at once: one a core, unless memory (or the container's share of it) allows fewer. TIDEMARK_BUILD_JOBS overrides.
 *
 * @param {{ env: Record<string, string | undefined>, cores?: number, memoryBytes?: number }} options
 */
export function jobCount({ env, cores = availableParallelism(), memoryBytes = usableMemory() }) {
  const given = env["TIDEMARK_BUILD_JOBS"];
  if (given !== undefined && given !== "") {
    if (!/^[1-9]\d{0,3}$/.test(given)) throw new BuildError(`TIDEMARK_BUILD_JOBS must be a number of processes from 1 on, not "${given}".`);
    return Number(given);
  }
  return Math.max(1, Math.min(cores, Math.floor(memoryBytes / bytesPerJob)));
}

function usableMemory() {
  const limit = process.constrainedMemory?.() ?? 0;
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/**
 * Writes a build.ninja that compiles every file and puts the objects into one archive.
 *
 * @param {{ directory: string, compilations: readonly Compilation[], archive: string, archiver: string }} options
 */
export function writeNinjaFile({ directory, compilations, archive, archiver }) {
  const lines = [
    "ninja_required_version = 1.8",
    "rule compile",
    "  command = $flags -MD -MF $out.d -o $out -c $in",
    "  depfile = $out.d",
    "  deps = gcc",
    "  description = compile $out",
    "rule archive",
    // An archive is added to by ar, so an earlier one must not be there.
    `  command = rm -f $out && ${archiver} rcs $out $in`,
    "  description = archive $out",
  ];
  for (const { object, source, flags } of compilations) {
    lines.push(`build ${escapePath(object)}: compile ${escapePath(source)}`, `  flags = ${flags.replaceAll("$", "$$")}`);
  }
  lines.push(`build ${archive}: archive ${compilations.map(({ object }) => escapePath(object)).join(" ")}`, "");
  writeFileSync(join(directory, "build.ninja"), lines.join("\n"));
}

/** @param {string} path */
function escapePath(path) {
  return path.replaceAll(/[$ :]/g, "$$$&");
}

/** @typedef {(doneWeight: number, totalWeight: number) => void} OnProgress */

/**
 * Runs ninja in a directory with a build.ninja of writeNinjaFile. Objects that are there already are kept, so a build
 * that was interrupted goes on where it stopped.
 *
 * @param {object} options
 * @param {string} options.directory
 * @param {string} options.ninja
 * @param {number} options.jobs
 * @param {readonly Compilation[]} options.compilations
 * @param {Record<string, string | undefined>} options.env
 * @param {OnProgress} options.onProgress called first with what earlier runs have done
 */
export async function runNinja({ directory, ninja, jobs, compilations, env, onProgress }) {
  const weights = new Map(compilations.map(({ object, weight }) => [object, weight]));
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  const ninjaEnv = { ...env, NINJA_STATUS: "[%f/%t] " };
  // A dry run lists what is left, and so tells what is done.
  const plan = await runCommand(ninja, ["-n"], { cwd: directory, env: ninjaEnv });
  let done = total - weightIn(plan.output, weights);
  onProgress(done, total);
  const { exitCode, output } = await runCommand(ninja, ["-j", String(jobs)], {
    cwd: directory,
    env: ninjaEnv,
    onLine: (line) => {
      const weight = weightIn(line, weights);
      if (weight > 0) onProgress((done += weight), total);
    },
  });
  if (exitCode === 0) return;
  const problem = output.slice(Math.max(0, output.indexOf("FAILED:")));
  const killed = /Killed|signal 9|out of memory/i.test(problem);
  throw new BuildError(
    `Compiling stopped (ninja, exit code ${exitCode}):\n${lastLines(problem)}\n` +
      (killed ? "A compiler was killed, probably for lack of memory: set TIDEMARK_BUILD_JOBS=1. " : "") +
      "What is compiled is kept; run this again to go on.",
  );
}

/** @param {string} text @param {Map<string, number>} weights */
function weightIn(text, weights) {
  let sum = 0;
  for (const match of text.matchAll(/^\[\d+\/\d+\] compile (\S+)$/gm)) sum += weights.get(match[1] ?? "") ?? 0;
  return sum;
}
