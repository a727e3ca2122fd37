import { describe, expect, test } from "vitest";
import { StateError } from "../errors/index.js";
import type { CheckpointLease, FileReference, SubsumeReport } from "../storage/index.js";
import { ManualClock } from "../testing/manual-clock.js";
import type { RestoredFacts } from "./background-verification.js";
import { type CheckpointConfig, checkpointSettings } from "./checkpoint-config.js";
import { CheckpointCoordinator } from "./checkpoint-coordinator.js";
import type { CheckpointReport } from "./checkpoint-events.js";
import type { CheckpointParticipant, JobSnapshot } from "./participant.js";

/** A coordinator between a lease and a job that do what the test says. */
class Stage {
  readonly clock = new ManualClock(1_000_000);
  readonly events: string[] = [];
  readonly reports: CheckpointReport[] = [];
  failure: StateError | undefined;
  /** What the job's snapshot does. */
  snapshot: (id: number, signal: AbortSignal) => Promise<JobSnapshot> = () => Promise.resolve(snapshotOf([]));
  /** What winning the slot does. */
  complete: () => Promise<void> = () => Promise.resolve();
  notify: () => Promise<void> = () => Promise.resolve();
  subsume: () => Promise<SubsumeReport> = () => Promise.resolve({ deletedCheckpoints: [], deletedFiles: [] } as unknown as SubsumeReport);
  startsNewChain = false;
  /** What reading a file back does. */
  verify: (file: FileReference) => Promise<void> = () => Promise.resolve();
  readonly coordinator: CheckpointCoordinator;

  constructor(config: Partial<CheckpointConfig> = {}, highestId = 0, restored?: RestoredFacts) {
    const participant: CheckpointParticipant = {
      snapshot: (id, _, signal) => {
        this.events.push(`snapshot ${id}`);
        return this.snapshot(id, signal);
      },
      notifyComplete: (id) => void this.events.push(`complete ${id}`),
      commitSinks: async (id) => {
        this.events.push(`commit ${id}`);
        await this.notify();
      },
      chainDamaged: (chain) => {
        this.events.push(`damaged ${chain}`);
        return this.startsNewChain;
      },
      notifyAborted: (id) => this.events.push(`aborted ${id}`),
    };
    this.coordinator = new CheckpointCoordinator({
      settings: checkpointSettings({ directory: "unused", interval: 100, ...config }),
      lease: this.#lease(highestId),
      participant,
      maxParallelism: 128,
      clock: this.clock,
      logger: { info: (_, line) => this.events.push(line), warn: () => undefined, error: (_, line) => this.events.push(`error: ${line}`) },
      listeners: [
        {
          checkpointCompleted: (report) => void this.reports.push(report),
          damageFound: ({ checkpoint, file }) => void this.events.push(`damage ${checkpoint} ${file}`),
          checkpointFailed: ({ id, error }) => void this.events.push(`failed ${id} ${error.code}`),
        },
        {
          checkpointCompleted: () => {
            throw new Error("a listener that throws changes nothing");
          },
        },
      ],
      restoredFiles: [{ name: "old", sizeBytes: 5, sha256: "" }],
      ...(restored === undefined ? {} : { restored }),
      fail: (error) => (this.failure ??= error),
    });
  }

  #lease(highestId: number): CheckpointLease {
    return {
      highestId,
      generation: 1,
      restorePoint: undefined,
      begin: (id: number) =>
        Promise.resolve({
          id,
          files: {},
          complete: async () => {
            await this.complete();
            return { id, generation: 1, slot: id, manifestSha256: "" };
          },
          abort: () => {
            this.events.push(`abort files ${id}`);
            return Promise.resolve();
          },
        }),
      subsume: () => {
        this.events.push("subsume");
        return this.subsume();
      },
      verifyFile: (file: FileReference) => this.verify(file),
      chainVerified: (chain: string) => void this.events.push(`verified ${chain}`),
      markSuspect: async ({ name }: FileReference) => void this.events.push(`suspect ${name}`),
    } as unknown as CheckpointLease;
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  }

  async advance(byMs: number): Promise<void> {
    this.clock.advance(byMs);
    await this.settle();
  }
}

function snapshotOf(files: FileReference[]): JobSnapshot {
  return { operators: [], files, records: 7, pauseMs: 1 };
}

const never = (): Promise<never> => new Promise<never>(() => undefined);

describe("checkpoint coordinator", () => {
  test("takes checkpoints by interval, one at a time, with ids above every one before", async () => {
    const stage = new Stage({}, 41);
    stage.coordinator.start();
    await stage.advance(99);
    expect(stage.events).toEqual([]);
    await stage.advance(1);
    await stage.advance(100);
    expect(stage.reports.map((report) => report.id)).toEqual([42, 43]);
    await stage.coordinator.stop();
    await stage.advance(1_000);
    expect(stage.reports.length).toBe(2);
  });

  test("a clock that is set back during a checkpoint puts off the next by no more than the interval", async () => {
    const stage = new Stage();
    stage.snapshot = () => {
      stage.clock.set(10);
      return Promise.resolve(snapshotOf([]));
    };
    stage.coordinator.start();
    await stage.advance(100);
    expect(stage.clock.nowMs()).toBe(10);
    await stage.advance(99);
    expect(stage.reports.length).toBe(1);
    await stage.advance(1);
    expect(stage.reports.length).toBe(2);
  });

  test("asks a function for each interval", async () => {
    const intervals = [10, 500, 20];
    const stage = new Stage({ interval: () => intervals.shift() ?? 1_000_000 });
    stage.coordinator.start();
    await stage.advance(10);
    await stage.advance(499);
    expect(stage.reports.length).toBe(1);
    await stage.advance(1);
    await stage.advance(20);
    expect(stage.reports.length).toBe(3);
  });

  test("minPause counts from the end of the checkpoint before", async () => {
    const stage = new Stage({ minPause: 80 });
    let finish: () => void = () => undefined;
    stage.snapshot = () => new Promise((resolve) => (finish = () => resolve(snapshotOf([]))));
    stage.coordinator.start();
    await stage.advance(100);
    await stage.advance(90);
    finish();
    await stage.settle();
    await stage.advance(79);
    expect(stage.events.filter((event) => event.startsWith("snapshot"))).toEqual(["snapshot 1"]);
    await stage.advance(1);
    expect(stage.events.filter((event) => event.startsWith("snapshot"))).toEqual(["snapshot 1", "snapshot 2"]);
  });

  test("logs one line a checkpoint and counts files as new once", async () => {
    const stage = new Stage();
    const file = (name: string, sizeBytes: number): FileReference => ({ name, sizeBytes, sha256: "" });
    stage.snapshot = (id) => Promise.resolve(snapshotOf([file("old", 5), file("a", 2048), ...(id > 1 ? [file("b", 1)] : [])]));
    await stage.coordinator.trigger();
    await stage.coordinator.trigger();
    expect(stage.reports).toMatchObject([
      { newBytes: 2048, totalBytes: 2053, records: 7 },
      { newBytes: 1, totalBytes: 2054 },
    ]);
    expect(stage.events.filter((event) => event.startsWith("Checkpoint"))).toEqual([
      "Checkpoint 1 completed in 0 ms, 2.0 KiB new of 2.0 KiB",
      "Checkpoint 2 completed in 0 ms, 1 B new of 2.0 KiB",
    ]);
  });

  test("a checkpoint past its timeout is aborted and the next one is taken", async () => {
    const stage = new Stage({ timeout: 50 });
    let aborted: unknown;
    stage.snapshot = (_, signal) => {
      signal.addEventListener("abort", () => (aborted = signal.reason));
      return never();
    };
    stage.coordinator.start();
    await stage.advance(100);
    await stage.advance(50);
    expect(aborted).toMatchObject({ code: "CHECKPOINT_TIMEOUT" });
    expect(stage.events).toEqual(["snapshot 1", "aborted 1", "abort files 1", "failed 1 CHECKPOINT_TIMEOUT"]);
    stage.snapshot = () => Promise.resolve(snapshotOf([]));
    await stage.advance(50);
    expect(stage.reports.map((report) => report.id)).toEqual([2]);
    expect(stage.failure).toBeUndefined();
  });

  test("more failures in a row than tolerated end the job; a success starts the count anew", async () => {
    const stage = new Stage({ tolerableFailures: 1 });
    const full = (): Promise<never> => Promise.reject(new StateError("NO_SPACE", "the disk is full"));
    stage.snapshot = full;
    await expect(stage.coordinator.trigger()).rejects.toMatchObject({ code: "NO_SPACE" });
    stage.snapshot = () => Promise.resolve(snapshotOf([]));
    await stage.coordinator.trigger();
    stage.snapshot = full;
    await expect(stage.coordinator.trigger()).rejects.toMatchObject({ code: "NO_SPACE" });
    expect(stage.failure).toBeUndefined();
    await expect(stage.coordinator.trigger()).rejects.toMatchObject({ code: "NO_SPACE" });
    expect(stage.failure).toMatchObject({ code: "CHECKPOINT_FAILED" });
  });

  test("rule 19: losing a slot to a newer coordinator ends the job at once", async () => {
    const stage = new Stage();
    stage.complete = () => Promise.reject(new StateError("COORDINATOR_FENCED", "a newer one took over"));
    await expect(stage.coordinator.trigger()).rejects.toMatchObject({ code: "COORDINATOR_FENCED" });
    expect(stage.events).not.toContain("complete 1");
    expect(stage.failure).toMatchObject({ code: "COORDINATOR_FENCED" });
  });

  test("not knowing whether a checkpoint was announced ends the job: a restart finds out", async () => {
    const stage = new Stage();
    stage.complete = () => Promise.reject(new StateError("IO", "the directory could not be synced", { details: { isUnclear: true } }));
    await expect(stage.coordinator.trigger()).rejects.toMatchObject({ code: "IO" });
    expect(stage.failure).toMatchObject({ code: "IO" });
  });

  test("being fenced while old checkpoints are deleted ends the job too, other failures there do not", async () => {
    const stage = new Stage();
    stage.subsume = () => Promise.reject(new StateError("IO", "no"));
    await stage.coordinator.trigger();
    await stage.settle();
    expect(stage.failure).toBeUndefined();
    stage.subsume = () => Promise.reject(new StateError("COORDINATOR_FENCED", "no"));
    await stage.coordinator.trigger();
    await stage.settle();
    expect(stage.failure).toMatchObject({ code: "COORDINATOR_FENCED" });
  });

  test("an operator that cannot take an announced checkpoint ends the job; the checkpoint stays", async () => {
    const stage = new Stage();
    stage.notify = () => Promise.reject(new Error("the sink cannot commit"));
    expect((await stage.coordinator.trigger()).id).toBe(1);
    expect(stage.failure).toMatchObject({ code: "CHECKPOINT_FAILED" });
  });

  test("triggers queue behind the checkpoint under way; stop() declines them", async () => {
    const stage = new Stage();
    let finish: () => void = () => undefined;
    stage.snapshot = () => new Promise((resolve) => (finish = () => resolve(snapshotOf([]))));
    const first = stage.coordinator.trigger();
    const second = stage.coordinator.trigger();
    const third = stage.coordinator.trigger({}, "final");
    await stage.settle();
    finish();
    expect((await first).id).toBe(1);
    await stage.settle();
    const stopping = stage.coordinator.stop();
    await expect(second).rejects.toMatchObject({ code: "CHECKPOINT_DECLINED" });
    await expect(third).rejects.toMatchObject({ code: "CHECKPOINT_DECLINED" });
    await stopping;
    await expect(stage.coordinator.trigger()).rejects.toMatchObject({ code: "CHECKPOINT_DECLINED" });
    expect(stage.failure).toBeUndefined();
  });

  test("an id may be asked for when it is above the last", async () => {
    const stage = new Stage({}, 5);
    await expect(stage.coordinator.trigger({ id: 5 })).rejects.toMatchObject({ code: "CHECKPOINT_ID" });
    await expect(stage.coordinator.trigger({ id: 6.5 })).rejects.toMatchObject({ code: "CHECKPOINT_ID" });
    expect((await stage.coordinator.trigger({ id: 100 })).id).toBe(100);
    expect((await stage.coordinator.trigger()).id).toBe(101);
  });
});

describe("rule 18: what was restored unread", () => {
  const file = (name: string): FileReference => ({ name, sizeBytes: 1, sha256: "" });
  const restored: RestoredFacts = { ownCheckpoint: 7, unverified: [file("a"), file("b")], chains: ["old-chain"] };
  const only = (stage: Stage, ...prefixes: string[]): string[] =>
    stage.events.filter((event) => prefixes.includes(event.split(" ")[0] ?? ""));

  test("holds back sinks and clean-up until it is whole; then sinks are told of the newest checkpoint once", async () => {
    const stage = new Stage({}, 7, restored);
    const passes: (() => void)[] = [];
    stage.verify = () => new Promise((resolve) => passes.push(resolve));
    stage.coordinator.start();
    await stage.coordinator.trigger();
    await stage.coordinator.trigger();
    await stage.settle();
    expect(only(stage, "complete", "commit", "subsume", "verified")).toEqual(["complete 8", "complete 9"]);
    passes.shift()?.();
    await stage.settle();
    expect(only(stage, "commit")).toEqual([]);
    passes.shift()?.();
    await stage.coordinator.restoreVerified;
    expect(only(stage, "commit", "verified")).toEqual(["verified old-chain", "commit 9"]);
    await stage.coordinator.trigger();
    await stage.settle();
    expect(only(stage, "commit", "subsume")).toEqual(["commit 9", "commit 10", "subsume"]);
  });

  test("sinks are told of the restored checkpoint once more, when nothing newer completed meanwhile", async () => {
    const stage = new Stage({}, 7, restored);
    stage.coordinator.start();
    await stage.coordinator.restoreVerified;
    expect(only(stage, "commit")).toEqual(["commit 7"]);
    const readInFront = new Stage({}, 7, { ...restored, unverified: [] });
    readInFront.coordinator.start();
    await readInFront.coordinator.restoreVerified;
    expect(only(readInFront, "commit")).toEqual(["commit 7"]);
    const foreign = new Stage({}, 0, { ...restored, ownCheckpoint: undefined });
    foreign.coordinator.start();
    await foreign.coordinator.restoreVerified;
    expect(only(foreign, "commit")).toEqual([]);
  });

  test("damage ends the job: logged, told, marked, and no sink ever commits", async () => {
    const stage = new Stage({}, 7, restored);
    stage.verify = async ({ name }) => {
      if (name === "b") throw new StateError("CHECKPOINT_FILE_DAMAGED", "b is bad", { details: { name } });
    };
    stage.coordinator.start();
    await expect(stage.coordinator.restoreVerified).rejects.toMatchObject({ code: "CHECKPOINT_FILE_DAMAGED" });
    expect(stage.failure).toMatchObject({ code: "CHECKPOINT_FILE_DAMAGED", details: { name: "b" } });
    expect(stage.failure?.message).toContain("onDamaged");
    await stage.coordinator.trigger();
    expect(only(stage, "damage", "suspect", "error:", "commit", "subsume")).toEqual(["suspect b", "error: b is bad", "damage 7 b"]);
  });

  test("stop() while it is read is no damage", async () => {
    const stage = new Stage({}, 7, restored);
    stage.verify = () => new Promise(() => undefined);
    stage.coordinator.start();
    await stage.coordinator.stop();
    expect(stage.failure).toBeUndefined();
    expect(only(stage, "damage", "suspect", "commit")).toEqual([]);
  });

  test("a sink that cannot make up for what was held back ends the job", async () => {
    const stage = new Stage({}, 7, restored);
    stage.notify = () => Promise.reject(new Error("the sink cannot commit"));
    stage.coordinator.start();
    await stage.coordinator.restoreVerified.catch(() => undefined);
    await stage.settle();
    expect(stage.failure).toMatchObject({ code: "CHECKPOINT_FAILED" });
  });

  const withChain = (chain: string): JobSnapshot => {
    const files = [file(`${chain}-base`), file(`${chain}-delta`)];
    const keyed = {
      backend: "memory",
      keyGroups: [0, 127] as const,
      files: files.map(({ name }) => name),
      description: null,
      chain: { id: chain, base: [`${chain}-base`] },
    };
    return { operators: [{ id: "count", parallelism: 1, subtasks: [{ subtask: 0, keyed }] }], files, records: 1, pauseMs: 0 };
  };

  test("the base of each new chain is read back once, behind its first checkpoint", async () => {
    const stage = new Stage();
    const read: string[] = [];
    stage.verify = async ({ name }) => void read.push(name);
    for (const chain of ["one", "one", "two"]) {
      stage.snapshot = () => Promise.resolve(withChain(chain));
      await stage.coordinator.trigger();
      await stage.settle();
    }
    expect(read).toEqual(["one-base", "two-base"]);
    expect(only(stage, "verified")).toEqual(["verified one", "verified two"]);
  });

  test("a damaged base: a backend that begins a new chain keeps the job going, otherwise it ends", async () => {
    for (const startsNewChain of [true, false]) {
      const stage = new Stage();
      stage.startsNewChain = startsNewChain;
      stage.verify = ({ name }) => Promise.reject(new StateError("CHECKPOINT_FILE_DAMAGED", `${name} is bad`, { details: { name } }));
      stage.snapshot = () => Promise.resolve(withChain("one"));
      await stage.coordinator.trigger();
      await stage.settle();
      expect(only(stage, "damage", "damaged", "suspect", "verified")).toEqual(["suspect one-base", "damage 1 one-base", "damaged one"]);
      if (startsNewChain) expect(stage.failure).toBeUndefined();
      else expect(stage.failure).toMatchObject({ code: "CHECKPOINT_FILE_DAMAGED" });
    }
  });
});
