import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isLinkImpossible } from "@tidemark/core/storage";
import { expect, test } from "vitest";
import { SeparateFileSystem } from "./separate-file-system.js";

test("links into and out of the checkpoints are not possible, those inside of either side are", async () => {
  const root = await mkdtemp(join(tmpdir(), "tidemark-separate-test-"));
  try {
    const fileSystem = new SeparateFileSystem(join(root, "checkpoints"));
    for (const name of ["checkpoints", "checkpoints-2", "working"]) await fileSystem.makeDirectory(join(root, name));
    for (const name of ["checkpoints", "working"]) await writeFile(join(root, name, "file"), "content");
    const link = (from: string, to: string): Promise<unknown> => fileSystem.link(join(root, from), join(root, to)).catch((error) => error);
    expect(isLinkImpossible(await link("working/file", "checkpoints/out"))).toBe(true);
    expect(isLinkImpossible(await link("checkpoints/file", "working/in"))).toBe(true);
    expect(isLinkImpossible(await link("checkpoints/file", "checkpoints-2/in"))).toBe(true);
    expect(await link("checkpoints/file", "checkpoints/second")).toBeUndefined();
    expect(await link("working/file", "working/second")).toBeUndefined();
    expect(await link("working/file", "checkpoints-2/second")).toBeUndefined();
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
