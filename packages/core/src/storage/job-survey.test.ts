import { describe, expect, test } from "vitest";
import { writeDurably } from "./create-if-absent.js";
import { encodeCompressedJson } from "./compressed-json.js";
import { surveyJob, type JobSurvey } from "./job-survey.js";
import { manifestFormat } from "./manifest-codec.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { chunksOf, job, manifestOf, root, storageOn } from "./scripted-life.test.support.js";

const directory = `${root}/${job}`;

/** Checkpoints 1 (given up), 2 and 3 (announced), 4 (under way). */
async function someLife(): Promise<MemoryFileSystem> {
  const memory = new MemoryFileSystem();
  const lease = await storageOn(memory).acquire(job);
  for (const id of [1, 2, 3]) {
    const pending = await lease.begin(id);
    const file = await pending.files.writeFile(`1-${id}`, chunksOf(`contents ${id}`));
    await pending.complete(manifestOf([file]), [file]);
  }
  await lease.subsume(2);
  await lease.begin(4);
  return memory;
}

async function survey(memory: MemoryFileSystem): Promise<JobSurvey> {
  return surveyJob({ directory: root, job, fileSystem: memory });
}

async function replace(memory: MemoryFileSystem, path: string, change: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  const bytes = change((await memory.readFile(path)).slice());
  await memory.removeFile(path);
  await writeDurably(memory, path, bytes);
}

function flipped(bytes: Uint8Array): Uint8Array {
  bytes[150] = (bytes[150] as number) ^ 1;
  return bytes;
}

function summary({ checkpoints }: JobSurvey): unknown[] {
  return checkpoints.map(({ id, standing, manifest, problem }) => {
    return [id, standing, problem?.code ?? (manifest === undefined ? "none" : "manifest")];
  });
}

const manifest = (id: number): string => `${directory}/chk-00000${id}/manifest.json.gz`;

describe("a survey", () => {
  test("knows what is announced, given up and under way, and when", async () => {
    const memory = await someLife();
    const found = await survey(memory);
    expect(found).toMatchObject({ job, location: directory, generation: 1, logProblems: [] });
    expect(summary(found)).toEqual([[2, "announced", "manifest"], [3, "announced", "manifest"], [4, "not-announced", "none"]]);
    expect(found.checkpoints[0]?.announcement).toMatchObject({ id: 2, slot: 3, atMs: 1_000, generation: 1 });
  });

  test("names every manifest that is missing, altered, or of another version, not only the first", async () => {
    const memory = await someLife();
    await replace(memory, manifest(2), flipped);
    await replace(memory, manifest(3), () => encodeCompressedJson({ ...manifestFormat, version: 99 }, {}));
    await writeDurably(memory, manifest(4), new Uint8Array(10));
    expect(summary(await survey(memory))).toEqual([
      [2, "announced", "CHECKPOINT_DAMAGED"], [3, "announced", "CHECKPOINT_VERSION"], [4, "not-announced", "CHECKPOINT_DAMAGED"],
    ]);
    await memory.removeFile(manifest(3));
    expect(summary(await survey(memory))[1]).toEqual([3, "announced", "CHECKPOINT_NOT_FOUND"]);
  });

  test("a directory that was deleted is missed", async () => {
    const memory = await someLife();
    await memory.removeDirectory(`${directory}/chk-000002`);
    expect(summary(await survey(memory))[0]).toEqual([2, "announced", "CHECKPOINT_NOT_FOUND"]);
  });

  test("names every damaged commit record and reads the manifests all the same", async () => {
    const memory = await someLife();
    for (const slot of [2, 4]) await replace(memory, `${directory}/commits/00000${slot}.json`, flipped);
    const found = await survey(memory);
    expect(found.generation).toBe(undefined);
    expect(found.logProblems.map(({ message }) => /commits\/\d+/.exec(message)?.[0])).toEqual(["commits/000002", "commits/000004"]);
    expect(summary(found)).toEqual([[2, "unknown", "manifest"], [3, "unknown", "manifest"], [4, "unknown", "none"]]);
  });

  test("a missing commit record is said once", async () => {
    const memory = await someLife();
    await memory.removeFile(`${directory}/commits/000003.json`);
    expect((await survey(memory)).logProblems.map(({ message }) => message)).toEqual([expect.stringContaining("000003.json")]);
  });

  test("a commit record that is no file is named and not read", async () => {
    const memory = await someLife();
    await memory.removeFile(`${directory}/commits/000002.json`);
    await memory.makeDirectory(`${directory}/commits/000002.json`);
    const { logProblems } = await survey(memory);
    expect(logProblems.map(({ message }) => message)).toEqual([expect.stringMatching(/000002.json.*not a regular file/)]);
  });

  test("nothing there, and other content", async () => {
    const memory = new MemoryFileSystem();
    expect(await survey(memory)).toMatchObject({ generation: undefined, checkpoints: [], logProblems: [] });
    await memory.makeDirectory(directory);
    await writeDurably(memory, `${directory}/letter.txt`, new Uint8Array(1));
    await expect(survey(memory)).rejects.toMatchObject({ code: "FOREIGN_DIRECTORY" });
  });
});
