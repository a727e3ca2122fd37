import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { missingNodePeers } from "./node-peers.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tidemark-peers-test-"));
  await writeFile(join(folder, "package-lock.json"), "{}");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

test("what npm cannot install is skipped with the reason", async () => {
  vi.stubEnv("PATH", "");
  const lines: string[] = [];
  const missing = await missingNodePeers(["rocksdb", "npm:lmdb", "npm:map-json"], (line) => lines.push(line), folder);
  expect([...missing]).toEqual([["npm:lmdb", "npm could not install it: spawn npm ENOENT"]]);
  expect(lines).toEqual([expect.stringContaining("installing the npm packages")]);
});

test("a package that does not load is skipped with the reason, and one that npm installed is not installed again", async () => {
  const bin = join(folder, "bin");
  await mkdir(bin);
  await writeFile(join(bin, "npm"), `#!${process.execPath}\n`, { mode: 0o755 });
  vi.stubEnv("PATH", bin);
  const lines: string[] = [];
  for (let time = 0; time < 2; time += 1) {
    const missing = await missingNodePeers(["npm:no-such-store"], (line) => lines.push(line), folder);
    expect(missing.get("npm:no-such-store")).toContain("its package does not work here: ");
  }
  expect(lines).toHaveLength(1);
});

test("nothing is installed when no package is asked for", async () => {
  const lines: string[] = [];
  expect((await missingNodePeers(["memory", "npm:map-json", "cp"], (line) => lines.push(line), folder)).size).toBe(0);
  expect(lines).toEqual([]);
});
