import { spawnSync } from "node:child_process";
import { type KeyedStateContext, string } from "@tidemark/core/state";
import { MemoryFileSystem } from "@tidemark/core/storage";
import { expect, test } from "vitest";
import { createScratchDirectory } from "./working-directory.js";

test("scratch directories of processes that ended go, those of running ones and of others stay", async () => {
  const fileSystem = new MemoryFileSystem();
  const context: KeyedStateContext<string> = {
    job: "job", operator: "count", subtask: 0, generation: 1, keySerializer: string(), keyGroups: { first: 0, last: 1 }, maxParallelism: 2,
    fileSystem, nowMs: () => 0,
  };
  const ended = spawnSync(process.execPath, ["-e", ""]).pid;
  const names = [`count-0-${ended}-00000000`, `count-0-${process.pid}-00000000`, `count-1-${ended}-00000000`, "count-0", "other"];
  for (const name of names) await fileSystem.makeDirectory(`/state/job/${name}`);
  const root = await createScratchDirectory("/state", "0123abcd", context);
  expect(root).toBe(`/state/job/count-0-${process.pid}-0123abcd`);
  const left = (await fileSystem.list("/state/job")).map(({ name }) => name);
  expect(left.sort()).toEqual([...names.slice(1), `count-0-${process.pid}-0123abcd`].sort());
});
