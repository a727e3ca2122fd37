import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database } from "@tidemark/rocksdb";
import { int32, type KeyedStateBackend } from "@tidemark/core/state";
import { NodeFileSystem } from "@tidemark/core/storage";
import { expect, onTestFinished, test } from "vitest";
import { rocksdbBackend } from "./index.js";

const fileSystem = new NodeFileSystem();

function scratch(): { directory: string; attempts: () => string[] } {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-working-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(join(directory, "job"));
  return { directory, attempts: () => readdirSync(join(directory, "job")).sort() };
}

async function open(directory: string, generation: number, subtask = 0): Promise<KeyedStateBackend<number>> {
  const backend = rocksdbBackend({ directory, memoryBudgetBytes: 4 * 1024 * 1024 });
  const keyGroups = { first: 0, last: 127 };
  const context = { keySerializer: int32(), keyGroups, maxParallelism: 128, fileSystem, nowMs: () => 0 };
  return await backend.open({ job: "job", operator: "op.1", subtask, generation, ...context });
}

/** A database that is not open, as a killed process leaves it. */
async function killed(directory: string, attempt: string): Promise<void> {
  mkdirSync(join(directory, "job", attempt));
  await (await Database.open(join(directory, "job", attempt, "database"))).close();
}

test("rule 13: what killed attempts left goes, of every subtask there was; the lock file they left stops nobody", async () => {
  const { directory, attempts } = scratch();
  await killed(directory, "op.1-0-1-aa");
  await killed(directory, "op.1-3-1-bb");
  // Killed before its database was there, and while its directory was being removed.
  mkdirSync(join(directory, "job", "op.1-0-2-cc", "pins"), { recursive: true });
  mkdirSync(join(directory, "job", "op.1-1-2-dd", "database"), { recursive: true });
  writeFileSync(join(directory, "job", "op.1-1-2-dd", "database", "000012.sst"), "left");
  const state = await open(directory, 3);
  // Nobody waits for it.
  await expect.poll(attempts).toEqual([expect.stringMatching(/^op\.1-0-3-/)]);
  await state.close();
  expect(attempts()).toEqual([]);
});

test("two attempts at once have a directory each and do not touch the other's", async () => {
  const { directory, attempts } = scratch();
  const first = await open(directory, 1);
  const second = await open(directory, 2);
  const third = await open(directory, 2, 1);
  expect(attempts()).toHaveLength(3);
  await first.close();
  expect(attempts()).toHaveLength(2);
  await second.close();
  await third.close();
});

test("what may be another's stays: newer or unlocked ones that may be about to open, other operators, other files", async () => {
  const { directory, attempts } = scratch();
  const others = ["op.1-0-3-aa", "op.1-1-3-bb", "op.1-0-4-cc", "opx1-0-1-dd", "op.1-x-0-1-ee", "op.1-0-1"];
  for (const name of others) mkdirSync(join(directory, "job", name));
  await killed(directory, "op.1-1-4-ff");
  writeFileSync(join(directory, "job", "op.1-0-1-ab"), "a file");
  const state = await open(directory, 3);
  const before = [...others, "op.1-1-4-ff", "op.1-0-1-ab"].sort();
  expect(attempts().filter((name) => !/^op\.1-0-3-[0-9a-f]{8}$/.test(name))).toEqual(before);
  await state.close();
  expect(attempts()).toEqual(before);
});
