import { chmod, cp, mkdir, mkdtemp, open, readdir, readFile, rename, rm, symlink, truncate, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { backends } from "../engine/scratch.js";
import { makeCheckpoints, tidemark, tidemarkHere, tidemarkJson } from "./made-checkpoints.js";

interface Listed {
  readonly checkpoints: readonly { readonly id: number; readonly totalBytes: number; readonly newBytes: number; readonly state: string }[];
}

interface InspectedFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly part?: string;
  readonly level?: number;
  readonly sharedWith: readonly number[];
}

interface Inspected {
  readonly files: readonly InspectedFile[];
  readonly operators: readonly { readonly id: string; readonly states: readonly { readonly name: string; readonly type: string }[] }[];
}

interface Verified {
  readonly isGood: boolean;
  readonly badFiles: readonly { readonly name: string; readonly code: string; readonly checkpoints: readonly number[] }[];
  readonly problems: readonly { readonly code: string; readonly message: string }[];
}

/** Directories with real checkpoints, made once a backend; each test spoils a copy. */
const made = new Map<string, string>();
let root = "";

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "tidemark-damage-"));
  // Another user looks at them in one of the tests.
  await chmod(root, 0o755);
  for (const { name, create } of backends) {
    made.set(name, await makeCheckpoints(join(root, name), create(join(root, name))));
  }
});

afterAll(async () => await rm(root, { recursive: true, force: true }));

/** A copy of a backend's checkpoints: the directory to give to the command, and the job's own in it. */
async function copyOf(backend: string): Promise<{ place: string; own: string; shared: string }> {
  const place = await mkdtemp(join(root, "copy-"));
  onTestFinished(async () => {
    await chmod(join(place, "counting"), 0o755).catch(() => undefined);
    await rm(place, { recursive: true, force: true });
  });
  await chmod(place, 0o755);
  await cp(made.get(backend) ?? "", place, { recursive: true });
  return { place, own: join(place, "counting"), shared: join(place, "counting", "shared") };
}

async function flip(path: string, at: number): Promise<void> {
  const file = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  await file.write(Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, at);
  await file.close();
}

/** A line or more on the error stream, each a code and advice; never a stack trace. */
function expectClearLines(stderr: string): void {
  expect(stderr).toMatch(/^(tidemark: [A-Z_]+: [^\n]+\n)+$/);
  expect(stderr).not.toMatch(/node:internal|\.js:\d+/);
}

/** The file that lists the base of a chain. */
function isList(name: string): boolean {
  return name.includes("-base-");
}

const names = backends.map(({ name }) => name);

describe.each(names)("checkpoints of %s", (backend) => {
  test("are listed, inspected, verified and compared", async () => {
    const { place } = await copyOf(backend);
    const { checkpoints } = await tidemarkJson<Listed>(["checkpoint", "list", place]);
    expect(checkpoints.map(({ id, state }) => [id, state])).toEqual([[1, "complete"], [2, "complete"], [3, "complete"]]);
    expect(checkpoints[0]?.newBytes).toBe(checkpoints[0]?.totalBytes);
    const inspected = await tidemarkJson<Inspected>(["checkpoint", "inspect", place]);
    expect(inspected.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBe(checkpoints[2]?.totalBytes);
    expect(inspected.operators.find(({ id }) => id === "count")?.states).toMatchObject([
      { name: "total", type: "int64" }, { name: "seen", type: "string -> {at: int64, times: int32}" },
    ]);
    expect(inspected.files.some(({ sharedWith }) => sharedWith.length > 0)).toBe(backend !== "memory");
    const lists = inspected.files.filter(({ part }) => part === "list of the base");
    expect(lists.length).toBe(backend === "rocksdb" ? 1 : 0);
    const others = inspected.files.filter((file) => !lists.includes(file));
    expect(others.every(({ level }) => (level === undefined) === (backend !== "rocksdb"))).toBe(true);
    for (const args of [["verify", place], ["verify", place, "2"], ["verify", place, "--sizes"], ["diff", place, "1", "3"]]) {
      expect(await tidemark(["checkpoint", ...args])).toMatchObject({ exitCode: 0, stderr: "" });
    }
    expect(await tidemark(["gc", place])).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("deleted 0 items"), stderr: "" });
    expect(await tidemark(["checkpoint", "verify", place])).toMatchObject({ exitCode: 0 });
  });

  test("every bad file is named with what is wrong and whom it hits", async () => {
    const { place, shared } = await copyOf(backend);
    const { files } = await tidemarkJson<Inspected>(["checkpoint", "inspect", place, "1"]);
    const flipped = (files[0] as { readonly name: string }).name;
    const [cut, gone] = (await readdir(shared)).filter((name) => name !== flipped && !isList(name)) as [string, string];
    await flip(join(shared, flipped), 5);
    await truncate(join(shared, cut), 3);
    await unlink(join(shared, gone));
    const { badFiles, isGood } = await tidemarkJson<Verified>(["checkpoint", "verify", place]);
    expect(isGood).toBe(false);
    expect(Object.fromEntries(badFiles.map(({ name, code }) => [name, code]))).toEqual({
      [flipped]: "CHECKPOINT_FILE_DAMAGED", [cut]: "CHECKPOINT_FILE_DAMAGED", [gone]: "CHECKPOINT_FILE_MISSING",
    });
    expect(badFiles.find(({ name }) => name === flipped)?.checkpoints).toContain(1);
    const text = await tidemark(["checkpoint", "verify", place]);
    expect(text.exitCode).toBe(1);
    expectClearLines(text.stderr);
    for (const name of [flipped, cut, gone]) expect(text.stderr).toContain(name);
    const sizes = await tidemarkJson<Verified>(["checkpoint", "verify", place, "--sizes"]);
    expect(sizes.badFiles.map(({ name }) => name).sort()).toEqual([cut, gone].sort());
  });
});

describe("damage of the rest", () => {
  test("the list of a base: named once with the checkpoints that need it, and nothing is deleted", async () => {
    const { place, shared } = await copyOf("rocksdb");
    const before = await readdir(shared);
    const lists = before.filter(isList);
    await flip(join(shared, lists[0] as string), 30);
    const { problems, badFiles } = await tidemarkJson<Verified>(["checkpoint", "verify", place]);
    expect(problems).toEqual([]);
    expect(badFiles).toMatchObject([{ name: lists[0], code: "CHECKPOINT_FILE_DAMAGED", checkpoints: [1, 2] }]);
    const text = await tidemark(["checkpoint", "verify", place]);
    expect(text.exitCode).toBe(1);
    expectClearLines(text.stderr);
    expect(await tidemarkHere(["checkpoint", "inspect", place, "1"])).toMatchObject({ exitCode: 1 });
    expect(await tidemarkHere(["gc", place])).toMatchObject({ exitCode: 1, stdout: expect.stringContaining("nothing was deleted") });
    expect(await readdir(shared)).toEqual(before);
  });

  test("a link in place of a file is not followed", async () => {
    const { place, shared } = await copyOf("fs");
    const [name] = (await readdir(shared)) as [string];
    await rename(join(shared, name), join(place, "moved"));
    await symlink(join(place, "moved"), join(shared, name));
    const { badFiles } = await tidemarkJson<Verified>(["checkpoint", "verify", place]);
    expect(badFiles).toMatchObject([{ name, code: "CHECKPOINT_UNSAFE_NAME" }]);
    // It is not the command's to delete either.
    expect((await tidemarkHere(["gc", place])).exitCode).toBe(0);
    expect(await readdir(shared)).toContain(name);
  });

  test("manifests: altered, cut, empty, gone, of another version, of another checkpoint, huge: each is named in one run", async () => {
    const frame = (body: string): Buffer => {
      const checksum = createHash("sha256").update(body).digest("hex");
      return gzipSync(`{"checksum":"${checksum}","body":${body}}\n`);
    };
    const future = JSON.stringify({ format: "tidemark-checkpoint", version: 99 }, null, 2);
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    const spoilers: readonly (readonly [string, (path: string) => Promise<void>])[] = [
      ["CHECKPOINT_DAMAGED", (path) => flip(path, 400)],
      ["CHECKPOINT_DAMAGED", (path) => truncate(path, 300)],
      ["CHECKPOINT_DAMAGED", (path) => truncate(path, 0)],
      ["CHECKPOINT_NOT_FOUND", (path) => unlink(path)],
      ["CHECKPOINT_VERSION", (path) => writeFile(path, frame(future))],
      ["CHECKPOINT_DAMAGED", (path) => writeFile(path, frame(deep))],
      ["CHECKPOINT_DAMAGED", (path) => writeFile(path, "\u001b[2J not JSON")],
      // Sparse: 100 GiB that must not be read.
      ["CHECKPOINT_DAMAGED", (path) => truncate(path, 100 * 2 ** 30)],
      ["CHECKPOINT_DAMAGED", async (path) => await unlink(path).then(() => mkdir(path))],
      ["CHECKPOINT_DAMAGED", async (path) => await unlink(path).then(() => void execFileSync("mkfifo", [path]))],
    ];
    for (const [code, spoil] of spoilers) {
      const { place, own, shared } = await copyOf("memory");
      await spoil(join(own, "chk-000001", "manifest.json.gz"));
      await flip(join(own, "chk-000003", "manifest.json.gz"), 500);
      const before = await readdir(shared);
      const { problems, badFiles } = await tidemarkJson<Verified>(["checkpoint", "verify", place]);
      expect(problems.map((problem) => problem.code)).toEqual([code, "CHECKPOINT_DAMAGED"]);
      expect(badFiles).toEqual([]);
      const runs = [["checkpoint", "list", place], ["checkpoint", "verify", place], ["checkpoint", "inspect", place, "1"], ["gc", place]];
      for (const args of runs) {
        const run = await tidemarkHere(args);
        expect(run.exitCode).toBe(1);
        expectClearLines(run.stderr);
        expect(run.stdout + run.stderr).not.toContain("\u001b");
      }
      expect(await readdir(shared)).toEqual(before);
      // The checkpoint between them is whole, and can be looked at by itself.
      expect(await tidemarkHere(["checkpoint", "verify", place, "2"])).toMatchObject({ exitCode: 0, stderr: "" });
    }
  });

  test("commit records: all damaged ones are named, files are checked all the same, nothing is deleted", async () => {
    const { place, own, shared } = await copyOf("rocksdb");
    await flip(join(own, "commits", "000002.json"), 150);
    await unlink(join(own, "commits", "000003.json"));
    execFileSync("mkfifo", [join(own, "commits", "000003.json")]);
    const before = await readdir(shared);
    const name = before.find((each) => !isList(each)) as string;
    await flip(join(shared, name), 5);
    const { problems, badFiles } = await tidemarkJson<Verified>(["checkpoint", "verify", place]);
    expect(problems.map(({ message }) => /\d{6}\.json/.exec(message)?.[0])).toEqual(["000002.json", "000003.json"]);
    expect(badFiles.map((bad) => bad.name)).toEqual([name]);
    const list = await tidemarkHere(["checkpoint", "list", place]);
    expect(list).toMatchObject({ exitCode: 1, stdout: expect.stringContaining("unknown") });
    expectClearLines(list.stderr);
    expect(await tidemarkHere(["checkpoint", "inspect", place])).toMatchObject({ exitCode: 2 });
    const second = await tidemarkHere(["checkpoint", "inspect", place, "2"]);
    expect(second).toMatchObject({ exitCode: 1, stdout: expect.stringContaining("level") });
    const swept = await tidemarkHere(["gc", place]);
    expect(swept).toMatchObject({ exitCode: 1, stdout: expect.stringContaining("nothing was deleted") });
    expect(await readdir(shared)).toEqual(before);
  });

  test("any byte of any small file flipped is noticed", async () => {
    const { place, own } = await copyOf("memory");
    const files = ["job.json", ...["1", "2", "3", "4"].map((slot) => `commits/00000${slot}.json`), "chk-000002/manifest.json.gz"];
    for (const file of files) {
      const { length } = await readFile(join(own, file));
      for (const at of [0, Math.floor(length / 2), length - 1]) {
        await flip(join(own, file), at);
        expect([file, at, (await tidemarkHere(["checkpoint", "verify", place, "--sizes"])).exitCode]).toEqual([file, at, 1]);
        await flip(join(own, file), at);
      }
    }
    expect((await tidemarkHere(["checkpoint", "verify", place])).exitCode).toBe(0);
  });

  test("a directory that may not be read, or not be written", async () => {
    const { place, own, shared } = await copyOf("memory");
    const asOther = process.getuid?.() === 0 ? { uid: 65_534 } : {};
    await writeFile(join(shared, "0-x"), "");
    await chmod(own, 0);
    for (const args of [["checkpoint", "list", place], ["gc", place], ["checkpoint", "verify", own]]) {
      const run = await tidemark(args, asOther);
      expect(run.exitCode).toBe(1);
      expect(run.stderr).toMatch(/^tidemark: IO: [^\n]+EACCES[^\n]+\n$/);
    }
    await chmod(own, 0o755);
    const [name] = (await readdir(shared)).filter((each) => each.endsWith(".entries")) as [string];
    await chmod(join(shared, name), 0);
    const run = await tidemark(["checkpoint", "verify", place], asOther);
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toMatch(new RegExp(`^tidemark: IO: [^\\n]*${name}[^\\n]*\\n$`));
  });
});
