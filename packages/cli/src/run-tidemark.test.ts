import { cp, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { directoryCheckpointStorage, NodeFileSystem, type CheckpointLease, type FileReference, type Json } from "@tidemark/core/storage";
import { describe, expect, onTestFinished, test } from "vitest";
import { runTidemark } from "./run-tidemark.js";

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-cli-"));
  onTestFinished(async () => await rm(directory, { recursive: true, force: true }));
  return directory;
}

interface Run {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

async function run(args: readonly string[], isErrInteractive = false): Promise<Run> {
  let [out, err] = ["", ""];
  const exitCode = await runTidemark(args, { out: (text) => (out += text), err: (text) => (err += text), isErrInteractive });
  return { exitCode, out, err };
}

async function acquire(directory: string, job: string): Promise<CheckpointLease> {
  const fileSystem = new NodeFileSystem();
  onTestFinished(() => fileSystem.close());
  return directoryCheckpointStorage({ directory, fileSystem, clock: { now: () => 1_700_000_000_000 } }).acquire(job);
}

async function* chunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function complete(
  lease: CheckpointLease,
  id: number,
  names: readonly string[],
  shared: readonly FileReference[] = [],
  states: Json = [],
  operator = "count",
): Promise<FileReference[]> {
  const pending = await lease.begin(id);
  const files = [...shared];
  for (const name of names) files.push(await pending.files.writeFile(name, chunk(new TextEncoder().encode(`contents of ${name}`))));
  const description = { states: { states } };
  const keyed = { backend: "memory", keyGroups: [0, 127], files: files.map(({ name }) => name), description } as const;
  const operators = [{ id: operator, parallelism: 1, subtasks: [{ subtask: 0, keyed }] }];
  await pending.complete({ kind: "checkpoint", createdAtMs: 1_700_000_000_000, maxParallelism: 128, records: id * 10, operators }, files);
  return files;
}

function state(name: string, id: number, type = "int64"): Json {
  return { id, name, kind: "value", hasTtl: false, schemas: [{ type }] };
}

describe("usage", () => {
  test.each([
    [], ["checkpoint"], ["fly"], ["checkpoint", "fly"], ["checkpoint", "list"], ["checkpoint", "list", "a", "b"], ["gc"],
    ["checkpoint", "list", "--fast", "."], ["checkpoint", "diff", ".", "1"], ["checkpoint", "verify", ".", "one"],
    ["checkpoint", "inspect", ".", "0"], ["checkpoint", "inspect", ".", "1.5"], ["checkpoint", "inspect", ".", "1e3"],
    ["checkpoint", "diff", ".", "1", "99999999999999999999"],
    ["checkpoint", "list", ""], ["checkpoint", "list", "/no/such/place"], ["gc", "/no/such/place", "--dry-run"],
  ])("%j ends with 2 and says why on the error stream", async (...args: string[]) => {
    const { exitCode, out, err } = await run(args);
    expect(exitCode).toBe(2);
    expect(out).toBe("");
    expect(err.length).toBeGreaterThan(10);
    expect(err).not.toMatch(/\n\s+at /);
  });
  test("help and version end with 0", async () => {
    for (const args of [["--help"], ["checkpoint", "--help"], ["gc", "--help"]]) {
      expect(await run(args)).toMatchObject({ exitCode: 0, err: "", out: expect.stringContaining("Usage: tidemark") });
    }
    expect(await run(["--version"])).toMatchObject({ exitCode: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });
  test("what was typed is not obeyed by the terminal either", async () => {
    for (const args of [["\u001b[2J"], ["checkpoint", "list", "/no/\u001b[2J"], ["checkpoint", "verify", ".", "\u009b1"]]) {
      expect((await run(args)).err).not.toMatch(/\p{Cc}(?<!\n)/u);
    }
  });
});

describe("which job", () => {
  test("one is chosen by itself, several need --job, a job's own directory and a link to it do as well", async () => {
    const directory = await scratch();
    await acquire(directory, "first");
    expect((await run(["checkpoint", "list", directory])).out).toContain("job first in");
    await acquire(directory, "second");
    const several = await run(["checkpoint", "list", directory]);
    expect(several).toMatchObject({ exitCode: 2, out: "" });
    expect(several.err).toContain("choose one with --job (first, second)");
    expect((await run(["checkpoint", "list", directory, "--job", "second"])).out).toContain("job second in");
    expect((await run(["checkpoint", "list", join(directory, "second")])).out).toContain("job second in");
    await symlink(join(directory, "first"), join(directory, "link"));
    expect((await run(["checkpoint", "list", join(directory, "link")])).out).toContain("job first in");
    expect(await run(["checkpoint", "list", join(directory, "second"), "--job", "first"])).toMatchObject({ exitCode: 2 });
    for (const job of ["third", "../first", "", "\u001b"]) expect((await run(["gc", directory, "--job", job])).exitCode).toBe(2);
  });
  test("a foreign, empty or damaged directory gets one line", async () => {
    const directory = await scratch();
    const oneLine = /^tidemark: [A-Z_]+: [^\n]+\n$/;
    expect(await run(["checkpoint", "list", directory])).toMatchObject({ exitCode: 1, out: "", err: expect.stringMatching(oneLine) });
    await writeFile(join(directory, "letter.txt"), "hello");
    expect((await run(["checkpoint", "verify", directory])).err).toContain("FOREIGN_DIRECTORY");
    expect((await run(["checkpoint", "verify", join(directory, "letter.txt")])).exitCode).toBe(2);
    await acquire(directory, "mine");
    await writeFile(join(directory, "mine", "job.json"), "{}");
    for (const args of [["checkpoint", "list", directory], ["gc", directory], ["checkpoint", "verify", directory]]) {
      const line = /^tidemark: CHECKPOINT_DAMAGED: [^\n]+\n$/;
      expect(await run(args)).toMatchObject({ exitCode: 1, out: "", err: expect.stringMatching(line) });
    }
    await rm(join(directory, "mine", "job.json"));
    expect((await run(["gc", directory])).err).toMatch(/^tidemark: FOREIGN_DIRECTORY: [^\n]+job\.json[^\n]+\n$/);
    const json = await run(["checkpoint", "list", directory, "--json"]);
    expect(JSON.parse(json.out)).toMatchObject({ problems: [{ code: "FOREIGN_DIRECTORY" }] });
    await mkdir(join(directory, "other"));
    expect((await run(["gc", directory])).exitCode).toBe(1);
  });
});

describe("looking", () => {
  test("list: sizes, what is new, attempts and given-up ones", async () => {
    const directory = await scratch();
    const lease = await acquire(directory, "words");
    const files = await complete(lease, 1, ["1-a"]);
    await complete(lease, 2, ["1-b"], files);
    await lease.begin(3);
    const { out, exitCode } = await run(["checkpoint", "list", directory]);
    expect(exitCode).toBe(0);
    expect(out.split("\n").slice(2)).toEqual([
      "  ID  KIND        TIME                  GENERATION  RECORDS  TOTAL   NEW  STATE",
      "   1  checkpoint  2023-11-14 22:13:20Z           1       10   15 B  15 B  complete",
      "   2  checkpoint  2023-11-14 22:13:20Z           1       20   30 B  15 B  complete",
      "   3  -           -                              -        -      -     -  not completed",
      "",
    ]);
    const json = JSON.parse((await run(["checkpoint", "list", directory, "--json"])).out) as { checkpoints: unknown[] };
    expect(json.checkpoints[1]).toEqual({
      id: 2, state: "complete", kind: "checkpoint", time: "2023-11-14T22:13:20.000Z", announced: "2023-11-14T22:13:20.000Z", generation: 1,
      slot: 3, records: 20, files: 2, totalBytes: 30, newBytes: 15, problem: null,
    });
    expect(await run(["checkpoint", "inspect", directory, "3"])).toMatchObject({ exitCode: 2, out: "" });
    expect(await run(["checkpoint", "verify", directory, "3"])).toMatchObject({ exitCode: 2, out: "" });
    expect((await run(["checkpoint", "inspect", directory, "9"])).err).toContain("there is: 1, 2, 3");
  });
  test("given-up checkpoints count for nothing, unannounced ones for no other", async () => {
    const directory = await scratch();
    const lease = await acquire(directory, "words");
    const files = await complete(lease, 1, ["1-a"]);
    const both = await complete(lease, 2, ["1-b"], files);
    // As if the deletion of 1 had been broken off.
    await cp(join(directory, "words", "chk-000001"), join(directory, "aside"), { recursive: true });
    await lease.subsume(1);
    await rename(join(directory, "aside"), join(directory, "words", "chk-000001"));
    await complete(lease, 3, ["1-c"], files);
    // As if the power had gone before the slot of 3 was taken.
    await rm(join(directory, "words", "commits", "000005.json"));
    await complete(await acquire(directory, "words"), 4, ["2-d"], both);
    type Found = { readonly state: string; readonly newBytes: number | null; readonly problem: unknown };
    const list = await run(["checkpoint", "list", directory, "--json"]);
    const { checkpoints } = JSON.parse(list.out) as { readonly checkpoints: readonly Found[] };
    expect(checkpoints.map(({ state, newBytes }) => [state, newBytes])).toEqual([
      ["given up", 15], ["complete", 15], ["not announced", 15], ["complete", 15],
    ]);
    const { out } = await run(["checkpoint", "inspect", directory, "2"]);
    expect(out).toMatch(/1-a +15 B +entries +3, 4\n/);
    expect(out).toMatch(/1-b +15 B +entries +4\n/);
    const swept = await run(["gc", directory]);
    expect(swept.out).toMatch(/deleted +\S+ \S+ +chk-000001 +checkpoints below 2 are given up/);
    expect((await run(["checkpoint", "verify", directory])).exitCode).toBe(0);
  });
  test("diff: files and states", async () => {
    const directory = await scratch();
    const lease = await acquire(directory, "words");
    const states = [state("gone", 1), state("changed", 2), state("same", 3)];
    const [a, b] = (await complete(lease, 1, ["1-a", "1-b"], [], states)) as [FileReference, FileReference];
    await complete(lease, 2, ["1-c"], [b], [state("changed", 2, "string"), state("same", 3), state("new", 4)]);
    const json = JSON.parse((await run(["checkpoint", "diff", directory, "1", "2", "--json"])).out) as Record<string, unknown>;
    expect(json).toMatchObject({
      recordsAdded: 10, onlyInFirst: { files: [a], totalBytes: 15 }, onlyInSecond: { totalBytes: 15 }, shared: { files: [b] },
      states: [
        { operator: "count", state: "gone", change: "removed", before: "value int64 (id 1)", after: null },
        { operator: "count", state: "changed", change: "changed", before: "value int64 (id 2)", after: "value string (id 2)" },
        { operator: "count", state: "new", change: "added", before: null, after: "value int64 (id 4)" },
      ],
    });
    expect((await run(["checkpoint", "diff", directory, "2", "2"])).out).toContain("states      the same");
    expect((await run(["checkpoint", "diff", directory, "1", "7"])).exitCode).toBe(2);
  });
  test("verify draws its progress only where a person watches", async () => {
    const directory = await scratch();
    await complete(await acquire(directory, "words"), 1, ["1-a"]);
    expect((await run(["checkpoint", "verify", directory])).err).toBe("");
    const watched = await run(["checkpoint", "verify", directory], true);
    expect(watched.err).toContain("\rverifying 15 B of 15 B (100 %)");
    expect(watched.err.endsWith("\r")).toBe(true);
    expect(watched.out).toContain("checked 1 file, 15 B, sizes and SHA-256: all good");
  });
  test("names from a manifest cannot steer the terminal", async () => {
    const directory = await scratch();
    const lease = await acquire(directory, "words");
    await complete(lease, 1, [], [], []);
    await complete(lease, 2, [], [], [state("\u001b]0;owned\u0007\nfake line\u202e", 1), state("\u009b31m", 2)], "backwards\u202e");
    for (const args of [["inspect", directory], ["diff", directory, "1", "2"]]) {
      for (const format of [[], ["--json"]]) {
        const { out } = await run(["checkpoint", ...args, ...format]);
        expect(out.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
        expect(out).not.toMatch(/^fake line/m);
        expect(out).toContain("fake line");
      }
    }
  });
});

describe("gc", () => {
  test("rule 17: deletes what a crashed attempt left, and only says so with --dry-run", async () => {
    const directory = await scratch();
    const first = await acquire(directory, "words");
    const kept = await complete(first, 1, ["1-a"]);
    await (await first.begin(2)).files.writeFile("1-orphan", chunk(new Uint8Array(2048)));
    const second = await acquire(directory, "words");
    const dry = await run(["gc", directory, "--dry-run"]);
    expect(dry.exitCode).toBe(0);
    expect(dry.out).toMatch(/may go\s+2\.0 KiB\s+shared\/1-orphan\s+no checkpoint names it, and generation 2 has taken over/);
    expect(dry.out).toContain("1 item, 2.0 KiB may go; nothing was deleted (--dry-run)");
    type Swept = { readonly deletedBytes: number; readonly items: readonly { readonly path: string; readonly isDeleted: boolean }[] };
    const json = JSON.parse((await run(["gc", directory, "--json"])).out) as Swept;
    expect(json.deletedBytes).toBe(2048);
    expect(json.items.filter(({ isDeleted }) => isDeleted).map(({ path }) => path)).toEqual(["shared/1-orphan"]);
    expect((await run(["gc", directory])).out).toContain("deleted 0 items, 0 B");
    // The running coordinator was not disturbed, let alone fenced.
    await complete(second, 3, ["2-b"], kept);
    expect((await run(["checkpoint", "verify", directory])).exitCode).toBe(0);
  });
  test("an unreadable manifest stops it", async () => {
    const directory = await scratch();
    const first = await acquire(directory, "words");
    await complete(first, 1, ["1-a"]);
    await (await first.begin(2)).files.writeFile("1-orphan", chunk(new Uint8Array(8)));
    await acquire(directory, "words");
    await writeFile(join(directory, "words", "chk-000001", "manifest.json.gz"), "damaged");
    for (const args of [["gc", directory], ["gc", directory, "--dry-run"]]) {
      const { exitCode, out, err } = await run(args);
      expect(exitCode).toBe(1);
      expect(out).toContain("nothing was deleted");
      expect(out).toMatch(/stays\s+8 B\s+shared\/1-orphan\s+what cannot be read may need it/);
      expect(err).toMatch(/^tidemark: CHECKPOINT_DAMAGED: [^\n]+\n$/);
    }
  });
});
