import { spawnSync } from "node:child_process";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { fileURLToPath } from "node:url";

/** Processor, cores, memory and system in a line. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() || "unknown processor";
  const memoryGiB = Math.round(totalmem() / 2 ** 30);
  return `${model}, ${availableParallelism()} cores, ${memoryGiB} GiB, ${process.platform} ${release().split("-")[0]}`;
}

/** What measurements write, and documents: neither changes what is measured. */
const ignoredChanges = ["*.md", "bench/results", "bench/RESULTS.html"].map((path) => `:(top,exclude)${path}`);

/** The commit that is measured, with "+changes" when files differ from it; "unknown" outside of a git clone. */
export function describeCommit(): string {
  const commit = git("rev-parse", "--short=12", "--verify", "HEAD");
  if (commit === undefined) return "unknown";
  return git("status", "--porcelain", "--", ":/", ...ignoredChanges) === "" ? commit : `${commit}+changes`;
}

/** Heap of a measuring process, the same on every system: what is wanted, or half of the memory of a smaller machine. */
export function heapMiB(wantedMiB: number): number {
  return Math.min(wantedMiB, Math.floor(totalmem() / 2 ** 21));
}

function git(...args: readonly string[]): string | undefined {
  const directory = fileURLToPath(new URL(".", import.meta.url));
  const { status, stdout } = spawnSync("git", args, { cwd: directory, encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}
