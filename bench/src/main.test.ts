import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { questions } from "./questions/index.js";
import type { Row } from "./row.js";

/** The built program. */
const program = fileURLToPath(new URL("../dist/main.js", import.meta.url));

function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [program, ...args], { encoding: "utf8" });
}

test("list prints one question a line", () => {
  const { status, stdout } = bench("list");
  expect(status).toBe(0);
  expect(stdout.trimEnd().split("\n").map((line) => line.split(":")[0])).toEqual(questions.map(({ name }) => name));
  expect(stdout).toMatch(/^job: .* \(not yet: window-p1, .*, words-p2-checkpointed\)$/mu);
});

test.each([
  [["speed"], 'no question "speed"'],
  [["state-ops", "--system", "redis"], 'system "redis"'],
  [["state-ops", "--fast"], "unknown option '--fast'"],
])("%j ends with exit code 2 and says why", (args, message) => {
  const { status, stdout, stderr } = bench(...args);
  expect(status).toBe(2);
  expect(stderr).toContain(message);
  expect(stdout).toBe("");
});

test("too little room ends with exit code 1 before anything runs", () => {
  const { status, stdout, stderr } = bench("checkpoint", "--size", "900TiB", "--system", "memory,rocksdb");
  expect(status).toBe(1);
  expect(stderr).toContain("memory is skipped: it keeps its state in memory");
  expect(stderr).toContain("free some space, set TMPDIR");
  expect(stdout).toBe("");
});

test("a run that is stopped leaves nothing behind", async () => {
  const root = await mkdtemp(join(tmpdir(), "tidemark-bench-main-"));
  try {
    const child = spawn(process.execPath, [program, "checkpoint", "--system", "memory", "--size", "16MiB"], {
      env: { ...process.env, TMPDIR: root },
      stdio: "ignore",
    });
    const ended = once(child, "exit");
    // Stopped in the middle: the measuring process has its checkpoints open.
    await expect
      .poll(async () => (await readdir(root, { recursive: true })).some((name) => name.endsWith("shared")), { timeout: 20_000 })
      .toBe(true);
    child.kill("SIGTERM");
    expect((await ended)[0]).toBe(1);
    expect(await readdir(root)).toEqual([]);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

test("a quick run measures in processes of their own, and overwrites the files it is told to", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-bench-main-"));
  const [json, html] = [join(directory, "rows.json"), join(directory, "page.html")];
  try {
    const cases = ["--case", "valueUpdate,valueUpdate-undrained,mapKeys"];
    for (let run = 0; run < 2; run += 1) {
      const options = ["--quick", "--size", "500", "--system", "memory", "--json", json, "--html", html];
      const { status, stderr } = bench("state-ops", ...cases, ...options);
      expect(status, stderr).toBe(0);
      expect(stderr).toContain("1/2  memory run 1: valueUpdate ");
    }
    const rows = JSON.parse(await readFile(json, "utf8")) as Row[];
    expect(rows.map((row) => [row.case, row.system, row.size, row.unit, row.spread.runs])).toEqual([
      ["valueUpdate", "memory", "500 keys", "ops/ms", 1],
      ["valueUpdate-undrained", "memory", "500 keys", "ops/ms", 1],
      ["mapKeys", "memory", "500 keys", "ops/ms", 1],
    ]);
    const fields = ["question", "case", "system", "value", "unit", "size", "spread", "params", "build", "machine", "commit"];
    for (const row of rows) expect(Object.keys(row)).toEqual(fields);
    expect(await readFile(html, "utf8")).toContain("<svg");
    expect((await readdir(directory)).sort()).toEqual(["page.html", "rows.json"]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
