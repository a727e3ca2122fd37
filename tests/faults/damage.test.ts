import { createHash } from "node:crypto";
import { copyFile, cp, mkdir, mkdtemp, open, readdir, readFile, rename, rm, truncate, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RestoreOptions, StateBackend } from "@tidemark/core";
import { fileSink } from "@tidemark/core/connectors";
import { directoryCheckpointStorage, NodeFileSystem, surveyJob } from "@tidemark/core/storage";
import { SeededRandom } from "@tidemark/core/testing";
import { rocksdbBackend } from "@tidemark/state-rocksdb";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { tidemarkJson } from "../cli/made-checkpoints.js";
import { Counting, errorOf, expected, until } from "../engine/counting.js";
import { isThorough, seed } from "./extent.js";

/** Damage of any file of a job's checkpoints on RocksDB. */

const fileSystem = new NodeFileSystem();
const random = new SeededRandom(seed);
let made = "";
let ids: readonly number[] = [];

/** Its checkpoints go on from one base. */
function backendIn(directory: string): StateBackend {
  return rocksdbBackend({ directory: join(directory, "state"), memoryBudgetBytes: 4 * 1024 * 1024, deltaRatio: 1_000 });
}

beforeAll(async () => {
  made = await mkdtemp(join(tmpdir(), "tidemark-flips-"));
  const counting = writing(made);
  const early = await counting.checkpoints(backendIn(made), 2);
  // The newest one has a table of its own.
  const running = counting.job(backendIn(made)).start();
  counting.source.release(60);
  await until(running, () => running.metrics().records === 60);
  ids = [...early, (await running.stop()).lastCheckpoint?.id as number];
});

afterAll(async () => {
  await rm(made, { recursive: true, force: true });
  await fileSystem.close();
});

/** The job with its rows going to a file, which appears when the job ends. */
function writing(directory: string): Counting {
  const counting = new Counting(directory);
  counting.sink = fileSink({ path: join(directory, "rows.txt"), format: (row: string) => row });
  return counting;
}

/** A copy of the checkpoints to spoil. */
async function copy(): Promise<Counting> {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-flips-"));
  onTestFinished(async () => await rm(directory, { recursive: true, force: true }));
  await cp(made, directory, { recursive: true });
  return writing(directory);
}

/** The rows that were published; undefined where none were. */
async function rowsOf({ directory }: Counting): Promise<string[] | undefined> {
  const text = await readFile(join(directory, "rows.txt"), "utf8").catch(() => undefined);
  return text?.trim().split("\n");
}

/** Changes one bit in place, the same again changes it back. */
async function flip(path: string, at: number): Promise<void> {
  const file = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  await file.write(Buffer.of((byte[0] as number) ^ (1 << at % 8)), 0, 1, at);
  await file.close();
}

/** Positions in a file: all of them, or some with both ends. */
function positions(sizeBytes: number, few: number): number[] {
  if (isThorough) return Array.from({ length: sizeBytes }, (_, at) => at);
  return [0, sizeBytes - 1, ...Array.from({ length: few }, () => random.below(sizeBytes))];
}

async function smallFiles(folder: string): Promise<string[]> {
  const commits = (await readdir(join(folder, "commits"))).map((name) => join("commits", name));
  const manifests = (await readdir(folder)).filter((name) => name.startsWith("chk-")).map((name) => join(name, "manifest.json.gz"));
  return ["job.json", ...commits, ...manifests];
}

/** What the survey of the directory says is wrong. */
async function problemsOf(counting: Counting): Promise<string[]> {
  const place = { directory: join(counting.directory, "checkpoints"), job: counting.name, fileSystem };
  try {
    const { logProblems, checkpoints } = await surveyJob(place);
    return [...logProblems, ...checkpoints.flatMap(({ problem }) => problem ?? [])].map(({ message }) => message);
  } catch (error) {
    return [String(error)];
  }
}

describe("verify finds a flipped bit and names the file", () => {
  test("anywhere in job.json, the commit records and the manifests", { timeout: 300_000 }, async () => {
    const counting = await copy();
    for (const name of await smallFiles(counting.folder)) {
      const path = join(counting.folder, name);
      for (const at of positions((await readFile(path)).length, 6)) {
        await flip(path, at);
        const problems = await problemsOf(counting);
        expect(problems, `seed ${seed}: byte ${at} of ${name}`).toEqual([expect.stringContaining(path)]);
        await flip(path, at);
      }
    }
    expect(await problemsOf(counting)).toEqual([]);
  });

  test("anywhere in the tables", { timeout: 300_000 }, async () => {
    const counting = await copy();
    const directory = join(counting.directory, "checkpoints");
    const reader = directoryCheckpointStorage({ directory, fileSystem }).reader(counting.name);
    const [newest] = (await reader.list()).slice(-1);
    const { files } = await reader.readManifest(newest as NonNullable<typeof newest>);
    expect(files.length).toBeGreaterThan(2);
    for (const file of files) {
      const path = reader.pathOf(file);
      for (const at of positions(file.sizeBytes, 6)) {
        await flip(path, at);
        await expect(reader.verifyFile(file, "checksums"), `seed ${seed}: byte ${at}`).rejects.toMatchObject({
          code: "CHECKPOINT_FILE_DAMAGED", details: { name: file.name },
        });
        await flip(path, at);
      }
      await flip(path, file.sizeBytes >> 1);
      const { badFiles } = await tidemarkJson<{ badFiles: readonly { name: string }[] }>(["checkpoint", "verify", directory]);
      expect(badFiles.map(({ name }) => name)).toEqual([file.name]);
      await flip(path, file.sizeBytes >> 1);
    }
  });
});

interface Damage {
  readonly what: string;
  readonly code: "CHECKPOINT_FILE_DAMAGED" | "CHECKPOINT_FILE_MISSING";
  /** Whether sizes tell. */
  readonly changesSize: boolean;
  readonly spoil: (path: string, other: string) => Promise<void>;
}

const damages: readonly Damage[] = [
  ...[0, 0.3, 0.7, 0.999].map((part): Damage => ({
    what: `a bit flipped at ${part}`,
    code: "CHECKPOINT_FILE_DAMAGED",
    changesSize: false,
    spoil: async (path) => await flip(path, Math.floor((await readFile(path)).length * part)),
  })),
  { what: "the end cut off", code: "CHECKPOINT_FILE_DAMAGED", changesSize: true, spoil: (path) => truncate(path, 700) },
  { what: "zeros at the end", code: "CHECKPOINT_FILE_DAMAGED", changesSize: true, spoil: (path) => truncate(path, 1 << 20) },
  { what: "no file", code: "CHECKPOINT_FILE_MISSING", changesSize: true, spoil: (path) => unlink(path) },
  { what: "another table in its place", code: "CHECKPOINT_FILE_DAMAGED", changesSize: false, spoil: swapped },
];

/** Another table of the same job under this name, as long as the real one. */
async function swapped(path: string, other: string): Promise<void> {
  const { length } = await readFile(path);
  await unlink(path);
  await copyFile(other, path);
  await truncate(path, length);
}

describe.each(damages)("a restore with $what", ({ code, changesSize, spoil }) => {
  /** A directory whose newest checkpoint has a bad file that the one before does not need. */
  async function spoiled(): Promise<{ counting: Counting; bad: string; whole: number }> {
    const counting = await copy();
    const [before, newest] = ids.slice(-2) as [number, number];
    const earlier = await counting.filesOf(before);
    const bad = (await counting.filesOf(newest)).find((name) => !earlier.includes(name)) as string;
    const shared = join(counting.folder, "shared");
    await spoil(join(shared, bad), join(shared, earlier[0] as string));
    return { counting, bad, whole: before };
  }

  async function refused(counting: Counting, restore: RestoreOptions): Promise<ReturnType<typeof errorOf>> {
    return errorOf(counting.run(backendIn(counting.directory), restore));
  }

  test("is refused with the file's name; nothing comes out", async () => {
    const { counting, bad } = await spoiled();
    const error = await refused(counting, {});
    expect(error).toMatchObject({ code, details: { name: bad } });
    expect(error.message).toContain(bad);
    expect(await rowsOf(counting)).toBeUndefined();
  });

  test("is refused before the first record where checksums are asked for", async () => {
    const { counting, bad } = await spoiled();
    const running = counting.job(backendIn(counting.directory)).start({ restore: { verify: "checksums" } });
    counting.source.release(100);
    expect(await errorOf(running.finished)).toMatchObject({ code, details: { name: bad } });
    expect(running.metrics().records).toBe(0);
    // The next one that does not ask sees it too: where sizes do not tell, it was not noted, since nothing ran on it.
    expect((await refused(counting, changesSize ? { verify: "sizes" } : {})).code).toBe(code);
  });

  test("goes back to the checkpoint before where that is allowed", async () => {
    const { counting, whole } = await spoiled();
    const result = await counting.run(backendIn(counting.directory), { onDamaged: "fall-back", verify: "checksums" });
    expect(result.restored).toMatchObject({ checkpoint: whole, fellBackFrom: ids.at(-1), verified: "checksums" });
    expect(await rowsOf(counting)).toEqual(expected);
  });
});

describe("a restore with a damaged manifest", () => {
  const spoilers: readonly (readonly [string, string, (folder: string) => Promise<void>])[] = [
    ["CHECKPOINT_DAMAGED", "of another checkpoint", async (folder) => {
      await rename(join(folder, chk(-2), "manifest.json.gz"), join(folder, "aside"));
      await rename(join(folder, chk(-1), "manifest.json.gz"), join(folder, chk(-2), "manifest.json.gz"));
      await rename(join(folder, "aside"), join(folder, chk(-1), "manifest.json.gz"));
    }],
    ["CHECKPOINT_DAMAGED", "that has a bit flipped", async (folder) => await flip(join(folder, chk(-1), "manifest.json.gz"), 300)],
    ["CHECKPOINT_DAMAGED", "that is cut", async (folder) => await truncate(join(folder, chk(-1), "manifest.json.gz"), 300)],
    ["CHECKPOINT_DAMAGED", "with more at its end", async (folder) => await truncate(join(folder, chk(-1), "manifest.json.gz"), 1 << 20)],
    ["CHECKPOINT_NOT_FOUND", "that is gone", async (folder) => await unlink(join(folder, chk(-1), "manifest.json.gz"))],
    ["CHECKPOINT_DAMAGED", "that is a directory", async (folder) => {
      await unlink(join(folder, chk(-1), "manifest.json.gz"));
      await mkdir(join(folder, chk(-1), "manifest.json.gz"));
    }],
  ];

  function chk(index: number): string {
    return `chk-${String(ids.at(index)).padStart(6, "0")}`;
  }

  test.each(spoilers)("%s: %s is refused; the one before is taken where that is allowed", async (code, what, spoil) => {
    const counting = await copy();
    await spoil(counting.folder);
    const backend = backendIn(counting.directory);
    const error = await errorOf(counting.run(backend, {}));
    expect(error.code).toBe(code);
    expect(error.message).toContain(chk(-1));
    const result = await counting.run(backend, { onDamaged: "fall-back" });
    // Both are damaged where they were swapped.
    expect(result.restored).toMatchObject({ checkpoint: ids.at(what === "of another checkpoint" ? -3 : -2), fellBackFrom: ids.at(-1) });
    expect(await rowsOf(counting)).toEqual(expected);
  });
});

test("damage of the base, which all checkpoints share, is never silently read over", async () => {
  const counting = await copy();
  const names = await counting.filesOf(ids[0] as number);
  const [base] = names as [string];
  const path = join(counting.folder, "shared", base);
  const sha256 = createHash("sha256").update(await readFile(path)).digest("hex");
  await flip(path, 40);
  expect((await errorOf(counting.run(backendIn(counting.directory), { onDamaged: "fall-back" }))).code).toBe("CHECKPOINT_FILE_DAMAGED");
  const error = await errorOf(counting.run(backendIn(counting.directory), { onDamaged: "fall-back", verify: "checksums" }));
  expect(error.code).toBe("CHECKPOINT_FILE_DAMAGED");
  expect(error.message).toContain("no older checkpoint is whole either");
  await flip(path, 40);
  expect(createHash("sha256").update(await readFile(path)).digest("hex")).toBe(sha256);
  expect((await counting.run(backendIn(counting.directory), {})).restored).toMatchObject({ checkpoint: ids.at(-1) });
});
