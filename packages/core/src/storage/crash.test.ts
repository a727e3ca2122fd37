import assert from "node:assert/strict";
import { describe, expect, test } from "vitest";
import { isStateError, StateError } from "../errors/index.js";
import type { CompletedCheckpoint } from "./checkpoint-storage.js";
import { changingOperations, faultAt, FaultyFileSystem, type Fault, type FileCall } from "./faulty-file-system.js";
import { MemoryFileSystem, type CrashOptions } from "./memory-file-system.js";
import {
  chunksOf, job, live, localFile, manifestOf, requireContinues, requireSound, seeded, storageOn, type Acknowledged,
} from "./scripted-life.test.support.js";

function isChanging({ operation }: FileCall): boolean {
  return changingOperations.has(operation);
}

const spaceTaking: ReadonlySet<string> = new Set([
  "createFile", "write", "sync", "link", "rename", "copyFile", "copyHashed", "makeDirectory",
]);

function nothing(): Acknowledged {
  return { announced: [], subsumed: [], generation: 0 };
}

/** How many calls an undisturbed life makes. */
async function countCalls(): Promise<number> {
  const memory = new MemoryFileSystem();
  const faulty = new FaultyFileSystem(memory);
  await live(faulty, memory, nothing());
  return faulty.calls.length;
}

async function crashAt(index: number, fault: Fault, options: CrashOptions): Promise<void> {
  const memory = new MemoryFileSystem();
  const faulty = new FaultyFileSystem(memory, faultAt(index, fault));
  const told = nothing();
  await live(faulty, memory, told).catch((error: unknown) => {
    assert.ok(faulty.isCrashed, String(error));
  });
  memory.crash(options);
  try {
    await requireContinues(memory, memory, told);
  } catch (error) {
    const call = faulty.calls[index];
    throw new Error(`${fault.kind} at call ${index}: ${call?.operation} ${call?.path}`, { cause: error });
  }
}

describe("a crash at every call", () => {
  test("rules 15, 17, 19: power cut that loses all that was not synced leaves the old or the new state", async () => {
    const calls = await countCalls();
    expect(calls).toBeGreaterThan(200);
    for (let index = 0; index < calls; index += 1) {
      await crashAt(index, { kind: "crash-after" }, {});
    }
  });

  test("rules 15, 17, 19: power cut that keeps a random part of what was not synced", async () => {
    const calls = await countCalls();
    expect(calls).toBeGreaterThan(200);
    for (let seed = 1; seed <= 2; seed += 1) {
      for (let index = 0; index < calls; index += 1) {
        const random = seeded(seed * 100_000 + index);
        await crashAt(index, { kind: "crash-after" }, { random }).catch((error: unknown) => {
          throw new Error(`seed ${seed}`, { cause: error });
        });
      }
    }
  });

  test("rule 19: the process dies but the machine goes on", async () => {
    const calls = await countCalls();
    expect(calls).toBeGreaterThan(200);
    for (let index = 0; index < calls; index += 1) {
      const memory = new MemoryFileSystem();
      const told = nothing();
      const faulty = new FaultyFileSystem(memory, faultAt(index, { kind: "crash-after" }));
      await live(faulty, memory, told).catch(() => undefined);
      await requireContinues(memory, memory, told);
    }
  });
});

test("rules 15, 19: a power cut right after a slot never keeps it without the unsynced slot of a dead coordinator below", async () => {
  const isCommitSync = ({ operation, path }: FileCall): boolean => operation === "syncDirectory" && path.endsWith("commits");
  for (let seed = 1; seed <= 60; seed += 1) {
    const memory = new MemoryFileSystem();
    await storageOn(memory).acquire(job);
    // The first sync of an acquire comes before its fence slot, the second after it.
    for (let round = 0; round < 2; round += 1) {
      const dying = new FaultyFileSystem(memory, faultAt(1, { kind: "crash-before" }, isCommitSync));
      await expect(storageOn(dying).acquire(job)).rejects.toMatchObject({ code: "IO" });
    }
    memory.crash({ random: seeded(seed) });
    expect((await storageOn(memory).acquire(job)).generation).toBeGreaterThan(1);
  }
});

test("rule 15: a full disk at any write of a checkpoint aborts it; the same lease completes the next one", async () => {
  for (const kind of ["error", "partial-write"] as const) {
    let hits = 0;
    for (let index = 0; index === hits; index += 1) {
      const memory = new MemoryFileSystem();
      let isArmed = false;
      const error = new StateError("NO_SPACE", "injected", { details: { errno: "ENOSPC" } });
      const isWrite = ({ operation }: FileCall): boolean => isArmed && spaceTaking.has(operation);
      const lease = await storageOn(new FaultyFileSystem(memory, faultAt(index, { kind, error }, isWrite))).acquire(job);
      const attempt = async (id: number): Promise<CompletedCheckpoint> => {
        const pending = await lease.begin(id);
        try {
          const file = await pending.files.writeFile(`1-${id}`, chunksOf("contents"));
          const other = await pending.files.addFile(await localFile(memory, `${id}`, "linked"), `1-${id}-linked`);
          return await pending.complete(manifestOf([file, other]), [file, other]);
        } catch (failure) {
          await pending.abort();
          throw failure;
        }
      };
      const first = await attempt(1);
      isArmed = true;
      const second = await attempt(2).catch((failure: unknown) => failure);
      if (second === error) {
        hits += 1;
        assert.deepEqual(await lease.list(), [first]);
      }
      isArmed = false;
      const third = await attempt(3);
      memory.crash();
      expect((await requireSound(memory, { announced: [first, third], subsumed: [], generation: 1 })).at(-1)).toEqual(third);
    }
    expect(hits).toBeGreaterThan(8);
  }
});

describe("an error at every call", () => {
  for (const kind of ["error", "partial-write"] as const) {
    for (const code of ["NO_SPACE", "IO"] as const) {
      test(`rules 15, 19: ${code} (${kind}) leaves everything acknowledged intact and a new lease goes on`, async () => {
        for (let index = 0; ; index += 1) {
          const memory = new MemoryFileSystem();
          const told = nothing();
          const error = new StateError(code, "injected", { details: { errno: code === "IO" ? "EIO" : "ENOSPC" } });
          const matches = code === "NO_SPACE" ? isChanging : () => true;
          const faulty = new FaultyFileSystem(memory, faultAt(index, { kind, error }, matches));
          const failed = await live(faulty, memory, told).then(() => undefined, (reason: unknown) => reason);
          assert.ok(failed === undefined || isStateError(failed), String(failed));
          await requireSound(memory, told);
          memory.crash();
          await requireContinues(memory, memory, told);
          if (faulty.calls.filter(matches).length <= index) {
            assert.equal(failed, undefined);
            assert.ok(index > 100);
            break;
          }
        }
      });
    }
  }
});
