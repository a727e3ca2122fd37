import { appendFile, link, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DirectoryGrowth, filesIn } from "./directory-growth.js";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "tidemark-growth-test-"));
  await mkdir(join(root, "checkpoints", "shared"), { recursive: true });
});
afterEach(() => rm(root, { recursive: true, force: true }));

const inside = (...names: string[]): string => join(root, "checkpoints", ...names);

test("new files count once, whether written, linked or renamed, and so does growth", async () => {
  const growth = new DirectoryGrowth(inside());
  expect(await growth.take()).toBe(0);
  await writeFile(inside("shared", "a"), Buffer.alloc(1_000));
  await writeFile(join(root, "outside"), Buffer.alloc(500));
  expect(await growth.take()).toBe(1_000);
  await link(join(root, "outside"), inside("shared", "linked"));
  expect(await growth.take()).toBe(500);
  await rename(inside("shared", "a"), inside("b"));
  await link(inside("b"), inside("second-name"));
  await symlink(join(root, "outside"), inside("symbolic"));
  expect(await growth.take()).toBe(0);
  await appendFile(inside("b"), Buffer.alloc(7));
  expect(await growth.take()).toBe(7);
});

test("a file that gets the inode of a deleted one is new", async () => {
  const growth = new DirectoryGrowth(inside());
  for (let round = 0; round < 5; round += 1) {
    await writeFile(inside("file"), Buffer.alloc(100));
    expect(await growth.take()).toBe(100);
    await rm(inside("file"));
  }
});

test("a directory that is not there has no files", async () => {
  expect(await filesIn(join(root, "nowhere"))).toEqual([]);
  expect(await new DirectoryGrowth(join(root, "nowhere")).take()).toBe(0);
});

test("what stays is found while directories beside it vanish", async () => {
  await writeFile(inside("stays"), Buffer.alloc(100));
  const leaving = Array.from({ length: 20 }, (_, index) => inside(`leaving-${index}`));
  for (let round = 0; round < 10; round += 1) {
    for (const directory of leaving) await mkdir(directory);
    const removed = Promise.all(leaving.map((directory) => rm(directory, { recursive: true })));
    expect(await filesIn(inside())).toMatchObject([{ path: inside("stays"), sizeBytes: 100 }]);
    await removed;
  }
});
