import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { directoryCheckpointStorage, NodeFileSystem } from "@tidemark/core/storage";
import { SeededRandom } from "@tidemark/core/testing";
import { afterAll, describe, expect, test } from "vitest";
import { tidemarkHere } from "../cli/made-checkpoints.js";
import { breakingFileSystem, type Moment } from "./breaking-file-system.js";
import { inPairs, isThorough, killCount, seed } from "./extent.js";
import { countingJob, expectedRows, jobLives, jobToEnd, rowsPath } from "./job-lives.js";
import { lives } from "./lives.js";
import { requireContinues, requireSound } from "./soundness.js";
import { checkpointsOf, type LifePlace } from "./state-life.js";

const child = fileURLToPath(new URL("../dist/faults/kill-child.js", import.meta.url));
const failpoints = process.env["TIDEMARK_FAILPOINTS_BINDING"] ?? "";
const moments: readonly Moment[] = ["before", "amid", "after"];
const fileSystem = new NodeFileSystem();
const longest = { timeout: 600_000 };

afterAll(async () => await fileSystem.close());

interface Fact {
  readonly kind: "announced" | "end" | "finished" | "error";
  readonly id?: number;
  readonly operation?: string;
  readonly path?: string;
  readonly message?: string;
}

interface ChildRun {
  readonly facts: readonly Fact[];
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

interface ChildOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** It is killed from outside after so long. */
  readonly killAfterMs?: number;
}

/** Three lives take a second; what takes so long hangs. */
const hungAfterMs = 60_000;

async function runChild(directory: string, args: readonly string[], { env = {}, killAfterMs }: ChildOptions): Promise<ChildRun> {
  const running = spawn(process.execPath, [child, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...env },
    timeout: killAfterMs ?? hungAfterMs,
    killSignal: killAfterMs === undefined ? "SIGABRT" : "SIGKILL",
  });
  let stderr = "";
  running.stderr.on("data", (text) => (stderr += String(text)));
  const signal = await new Promise<NodeJS.Signals | null>((resolve) => running.on("close", (_, by) => resolve(by)));
  const told = join(directory, "told");
  const lines = existsSync(told) ? readFileSync(told, "utf8").trim().split("\n") : [];
  return { facts: lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Fact), signal, stderr };
}

/** One process in a new directory, and everything that must hold after it. */
async function killed(
  what: string,
  args: readonly string[],
  options: ChildOptions = {},
  requireAfter: (place: LifePlace, acknowledged: readonly number[]) => Promise<void> = requireStateAfter,
): Promise<ChildRun> {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-kill-"));
  const scenario = requireAfter === requireStateAfter ? "state" : "job";
  const run = await runChild(directory, [scenario, directory, ...args], options);
  const end = run.facts.find(({ kind }) => kind === "end");
  try {
    expect(run.facts.find(({ kind }) => kind === "error")).toBeUndefined();
    expect({ stderr: run.stderr, isHung: run.signal === "SIGABRT" }).toEqual({ stderr: "", isHung: false });
    const acknowledged = run.facts.flatMap(({ kind, id }) => (kind === "announced" && id !== undefined ? [id] : []));
    await requireAfter({ directory, fileSystem }, acknowledged);
  } catch (error) {
    throw new Error(`${what}: ${end?.operation} ${end?.path}; its files are in ${directory}`, { cause: error });
  }
  await rm(directory, { recursive: true, force: true });
  return run;
}

async function requireStateAfter(place: LifePlace, acknowledged: readonly number[]): Promise<void> {
  await requireSound(place, acknowledged);
  await requireContinues(place);
}

/** The job goes on from a checkpoint that was announced, or one more, and publishes every row once. */
async function requireRowsAfter(place: LifePlace, acknowledged: readonly number[]): Promise<void> {
  const reader = directoryCheckpointStorage({ directory: checkpointsOf(place), fileSystem }).reader(countingJob);
  const ids = (await reader.list()).map(({ id }) => id);
  const verify = ["checkpoint", "verify", checkpointsOf(place)];
  if (ids.length > 0) expect(await tidemarkHere(verify)).toMatchObject({ exitCode: 0, stderr: "" });
  expect(ids.at(-1) ?? 0).toBeGreaterThanOrEqual(acknowledged.at(-1) ?? 0);
  await jobToEnd(place, () => undefined);
  expect(readFileSync(rowsPath(place.directory), "utf8").trim().split("\n")).toEqual(expectedRows());
  expect((await fileSystem.list(join(place.directory, "state", countingJob))).map(({ name }) => name)).toEqual([]);
}

/** How many calls that change files an undisturbed run makes. */
async function callCount(run: (place: LifePlace) => Promise<void>): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-kill-"));
  const counted = breakingFileSystem(fileSystem, -1, "before", () => undefined);
  await run({ directory, fileSystem: counted.fileSystem });
  await rm(directory, { recursive: true, force: true });
  return counted.count();
}

/** Kills at `count` calls, spread over all there are, each time before, in or after the call. */
async function killAtCalls(total: number, count: number, requireAfter: typeof requireStateAfter): Promise<void> {
  expect(total).toBeGreaterThan(150);
  const random = new SeededRandom(seed);
  let ended = 0;
  const kill = async (run: number): Promise<void> => {
    const call = Math.floor(((run + random.below(1_000) / 1_000) * total) / count);
    const moment = moments[run % moments.length] as Moment;
    const what = `seed ${seed}: kill ${moment} call ${call} of ${total}`;
    const { signal } = await killed(what, [String(call), moment], {}, requireAfter);
    if (signal === "SIGKILL") ended += 1;
  };
  await inPairs(Array.from({ length: count }, (_, run) => () => kill(run)));
  // The number of calls varies a little with what compactions do meanwhile.
  expect(ended).toBeGreaterThanOrEqual(count - 2);
}

describe("rules 1, 11, 13 to 19, 23: kill -9", () => {
  test("before, in and after calls that change files, through checkpoints, deletions, restores and rescales", longest, async () => {
    const unheard = { announced: () => undefined, subsumed: () => undefined };
    await killAtCalls(await callCount((place) => lives(place, unheard)), killCount, requireStateAfter);
  });

  test("of a job, at such calls: every row comes out once", longest, async () => {
    const total = await callCount((place) => jobLives(place, () => undefined));
    await killAtCalls(total, Math.ceil(killCount / 2), requireRowsAfter);
  });

  test("at any moment, also while RocksDB writes", longest, async () => {
    const random = new SeededRandom(seed);
    const kill = async (): Promise<void> => {
      const killAfterMs = 100 + random.below(900);
      await killed(`seed ${seed}: kill after ${killAfterMs} ms`, ["-1", "before"], { killAfterMs });
    };
    await inPairs(Array.from({ length: isThorough ? 30 : 2 }, () => kill));
  });

  // They are in a build for tests only, which scripts/ci.mjs makes and names in the environment.
  describe.skipIf(failpoints === "")("in a drain (skipped without the build of the binding that has failpoints)", () => {
    const points = ["drain-listed", "drain-opened", "drain-finished", "drain-ingested"];
    test.each(points)("%s", longest, async (point) => {
      const kill = async (after: number): Promise<void> => {
        const args = ["-1", "before", `${point}@${after}`];
        const { signal } = await killed(`${point} after ${after} checkpoints`, args, { env: { TIDEMARK_ROCKSDB_BINDING: failpoints } });
        expect(signal).toBe("SIGKILL");
      };
      await inPairs((isThorough ? [0, 1, 3, 5, 6, 7, 9] : [seed % 10]).map((after) => () => kill(after)));
    });
  });
});
