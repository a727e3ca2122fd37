import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Measured } from "./results.js";

/** The built program. */
const program = fileURLToPath(new URL("../../dist/report/report-main.js", import.meta.url));

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-report-main-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function report(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [program, ...args], { encoding: "utf8" });
}

test("a small report: measured in processes of their own, kept by part, and written as pages", async () => {
  const { status, stderr } = report("--quick", "--directory", directory, "--only", "state-limits");
  expect(status, stderr).toBe(0);
  expect(stderr).toMatch(/1\/2 memory run 1: entries-20M-table .* ops\/ms; about \d+ s left/u);
  expect((await readdir(directory)).sort()).toEqual(["RESULTS.html", "RESULTS.md", "results"]);
  const measured = JSON.parse(await readFile(join(directory, "results/state-limits.json"), "utf8")) as Measured;
  expect(measured).toMatchObject({ part: "state-limits", isQuick: true });
  expect(measured.rows.map((row) => [row.case, row.system, row.size])).toEqual([
    ["entries-20M-table", "memory", "50000 keys"], ["entries-20M-heap", "memory", "50000 keys"],
  ]);
  expect(await readFile(join(directory, "RESULTS.md"), "utf8")).toContain("**Written with --quick");
  await rm(join(directory, "RESULTS.md"));
  expect(report("--write-only", "--directory", directory).status).toBe(0);
  expect(await readdir(directory)).toContain("RESULTS.md");
});

test("a plan measures and writes nothing", async () => {
  const { status, stdout } = report("--plan", "--full", "--directory", directory);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^full-checkpoint-same-changes-16GiB: checkpoint on rocksdb, 5 runs, about /mu);
  expect(await readdir(directory)).toEqual([]);
});

test("a damaged results file ends it before anything runs", async () => {
  await mkdir(join(directory, "results"));
  await writeFile(join(directory, "results/state-ops.json"), "{");
  const { status, stderr } = report("--quick", "--directory", directory, "--only", "state-limits");
  expect(status).toBe(1);
  expect(stderr).toMatch(/^\S+state-ops\.json is damaged \(.+\); remove it, or take it back from git\n$/u);
});

test("pages need results, and a wrong call has exit code 2", () => {
  expect(report("--write-only", "--directory", directory)).toMatchObject({ status: 1, stderr: expect.stringContaining("has no results") });
  expect(report("--quick")).toMatchObject({ status: 2, stderr: expect.stringContaining("--quick needs --directory") });
});

test("a report that is stopped names what is left, and leaves no files of processes", async () => {
  const scratch = join(directory, "scratch");
  await mkdir(scratch);
  const options = ["--quick", "--directory", directory, "--only", "state-latency,state-limits"];
  const child = spawn(process.execPath, [program, ...options], {
    env: { ...process.env, TMPDIR: scratch },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  const ended = once(child, "close");
  await expect.poll(async () => (await readdir(scratch)).length, { timeout: 20_000 }).toBeGreaterThan(0);
  child.kill("SIGTERM");
  expect((await ended)[0]).toBe(1);
  expect(text).toMatch(/stopped before: .*state-l/u);
  expect(await readdir(scratch)).toEqual([]);
});
