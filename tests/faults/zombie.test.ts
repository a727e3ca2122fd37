import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isStateError } from "@tidemark/core";
import { changingOperations, FaultyFileSystem, NodeFileSystem } from "@tidemark/core/storage";
import { SeededRandom } from "@tidemark/core/testing";
import { afterAll, expect, test } from "vitest";
import { isThorough, killCount, seed } from "./extent.js";
import { oneLife } from "./lives.js";
import { requireContinues, requireSound } from "./soundness.js";
import { jobName, type LifePlace, readerOf, StateLife, workingDirectoryOf } from "./state-life.js";
import { expectedAfter } from "./steps.js";

const inner = new NodeFileSystem();
afterAll(async () => await inner.close());

/** Fewer than this many calls that change something come before a coordinator has its lease. */
const callsOfTakeover = 30;

/** A coordinator and its backend that stop at a call while others go on, and then wake. */
class Sleeper {
  readonly announced: number[] = [];
  readonly fileSystem: FaultyFileSystem;
  /** Resolves with whether it sleeps; otherwise it is through. */
  readonly asleep: Promise<boolean>;
  /** What ended it, if anything. */
  readonly ended: Promise<unknown>;
  wake: () => void = () => undefined;

  constructor(directory: string, call: number) {
    let sleeps: (isAsleep: boolean) => void = () => undefined;
    this.asleep = new Promise((resolve) => (sleeps = resolve));
    const woken = new Promise<undefined>((resolve) => (this.wake = () => resolve(undefined)));
    let count = 0;
    this.fileSystem = new FaultyFileSystem(inner, ({ operation }) => {
      if (!changingOperations.has(operation) || count++ !== call) return undefined;
      sleeps(true);
      return woken;
    });
    const witness = { announced: ({ id }: { readonly id: number }) => void this.announced.push(id), subsumed: () => undefined };
    this.ended = oneLife({ directory, fileSystem: this.fileSystem }, witness, 1, 4).then(() => undefined, (error: unknown) => error);
    void this.ended.then(() => sleeps(false));
  }
}

async function sharedFiles(place: LifePlace): Promise<string[]> {
  return (await inner.list(join(place.directory, "checkpoints", jobName, "shared"))).map(({ name }) => name);
}

/** The code that ended the sleeper, after a successor took over while it slept at a call. */
async function takenOverAt(call: number): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-zombie-"));
  const place = { directory, fileSystem: inner };
  const sleeper = new Sleeper(directory, call);
  if (!(await sleeper.asleep)) return "through";
  const acknowledged = [...sleeper.announced];
  const successor = await StateLife.begin(place);
  for (let count = 0; count < 3; count += 1) {
    successor.apply(30);
    const completed = await successor.checkpoint();
    acknowledged.push(completed.id);
    await successor.subsume(completed);
  }
  const before = await sharedFiles(place);
  const list = await readerOf(place).list();
  sleeper.wake();
  const error = await sleeper.ended;
  expect(error === undefined || isStateError(error), String(error)).toBe(true);
  const late = sleeper.announced.filter((id) => !acknowledged.includes(id));
  if (late.length > 0) {
    // It slept before it had its lease and took over in its turn: that is another successor, not a zombie.
    expect(call).toBeLessThan(callsOfTakeover);
    await expect(successor.checkpoint()).rejects.toMatchObject({ code: "COORDINATOR_FENCED" });
    acknowledged.push(...late);
  } else {
    expect(await readerOf(place).list()).toEqual(list);
    const after = new Set(await sharedFiles(place));
    expect(before.filter((name) => !after.has(name) && !name.startsWith("."))).toEqual([]);
    successor.apply(30);
    acknowledged.push((await successor.checkpoint()).id);
  }
  expect(successor.contents()).toBe(expectedAfter(successor.steps));
  await successor.close();
  await requireSound(place, acknowledged);
  await requireContinues(place);
  await rm(directory, { recursive: true, force: true });
  return isStateError(error) ? error.code : "through";
}

test("rule 19: a coordinator that wakes after another took over announces nothing and deletes nothing", { timeout: 600_000 }, async () => {
  const random = new SeededRandom(seed);
  const runs = isThorough ? 60 : Math.min(killCount, 6);
  const codes: string[] = [];
  for (let run = 0; run < runs; run += 1) {
    // An undisturbed life of four checkpoints makes some 180 calls that change something.
    const call = Math.floor(((run + random.below(1_000) / 1_000) * 180) / runs);
    codes.push(
      await takenOverAt(call).catch((error: unknown) => {
        throw new Error(`seed ${seed}: asleep at call ${call}`, { cause: error });
      }),
    );
  }
  expect(codes.filter((code) => code === "COORDINATOR_FENCED").length).toBeGreaterThan(isThorough ? runs / 2 : 0);
  // In its working directory, which its successor removed, RocksDB finds nothing; before the lease and at the end nothing is forbidden.
  for (const code of codes) expect(["COORDINATOR_FENCED", "IO", "ROCKSDB", "through"]).toContain(code);
});

test("rules 13, 19: the same in a process of its own, whose open database keeps its directory until it is gone", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-zombie-"));
  const place = { directory, fileSystem: inner };
  const attempts = async (): Promise<string[]> => (await inner.list(workingDirectoryOf(place))).map(({ name }) => name);
  const child = fileURLToPath(new URL("../dist/faults/kill-child.js", import.meta.url));
  const zombie = spawn(process.execPath, [child, "state", directory, "100", "before", "SIGSTOP"], { stdio: "ignore" });
  const ended = once(zombie, "exit");
  const facts = (): string => (existsSync(join(directory, "told")) ? readFileSync(join(directory, "told"), "utf8") : "");
  while (!facts().includes('"end"')) await new Promise((resolve) => setTimeout(resolve, 10));
  const [its] = await attempts();
  const successor = await StateLife.begin(place);
  successor.apply(30);
  const completed = await successor.checkpoint();
  await successor.subsume(completed);
  expect(await attempts()).toContain(its);
  zombie.kill("SIGCONT");
  await ended;
  expect(facts()).toContain('"COORDINATOR_FENCED"');
  expect(await attempts()).not.toContain(its);
  await successor.close();
  await requireSound(place, [completed.id]);
  await requireContinues(place);
  await rm(directory, { recursive: true, force: true });
});
