import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { prepareDbBench } from "./db-bench-peer.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tidemark-db-bench-test-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function prepare(script: string): Promise<{ peer: unknown; lines: string[] }> {
  const path = join(folder, "build.mjs");
  await writeFile(path, script);
  const lines: string[] = [];
  return { peer: await prepareDbBench((line) => lines.push(line), path), lines };
}

test("the last line is the program, and what takes long is said", async () => {
  const { peer, lines } = await prepare('console.error("building it\\nnoise"); console.log("first"); console.log("/somewhere/db_bench");');
  expect(peer).toEqual({ program: "/somewhere/db_bench" });
  expect(lines).toEqual(["building it"]);
});

test("a build that fails gives its reason", async () => {
  const { peer } = await prepare('console.error("db_bench needs gflags"); process.exitCode = 1;');
  expect(peer).toEqual({ missing: "db_bench could not be built here: db_bench needs gflags" });
  expect((await prepare("")).peer).toEqual({ missing: "db_bench could not be built here: its build said nothing" });
});
