import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createScratch, removeAbandoned, requireSpace } from "./scratch-directory.js";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "tidemark-scratch-test-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

test("what killed benchmarks left goes, what running ones and others have stays", async () => {
  const own = await createScratch(root);
  const ended = spawn(process.execPath, ["-e", ""]);
  await once(ended, "exit");
  await mkdir(join(root, `tidemark-bench-${ended.pid}-aBcDeF`, "checkpoints"), { recursive: true });
  await mkdir(join(root, "tidemark-bench-test-1"));
  await writeFile(join(root, "other"), "");
  await removeAbandoned(root);
  expect((await readdir(root)).sort()).toEqual([own.slice(root.length + 1), "other", "tidemark-bench-test-1"].sort());
});

test("too little room is told before anything runs, with what would help", async () => {
  await requireSpace(root, 0);
  await expect(requireSpace(root, 2 ** 60)).rejects.toThrow(/has .* GiB free, and this needs up to 1073741824.0 GiB; .*TMPDIR/u);
});
