import { describe, expect, test } from "vitest";
import { isStateError } from "../errors/index.js";
import { type BaseList, baseListFormat, decodeBaseList, encodeBaseList } from "./base-list.js";
import type { CheckpointLease, CompletedCheckpoint } from "./checkpoint-storage.js";
import { unpacked } from "./compressed-json.js";
import { writeDurably } from "./create-if-absent.js";
import { encodeFramedJson, sha256Hex } from "./framed-json.js";
import { planGarbage, sweepGarbage } from "./garbage-sweep.js";
import { surveyJob } from "./job-survey.js";
import type { BaseListName, CheckpointManifest, FileChain, FileReference, OperatorState } from "./manifest.js";
import { decodeManifest, decodeStoredManifest, encodeManifest } from "./manifest-codec.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { chunksOf, job, manifestOf, root, storageOn } from "./scripted-life.test.support.js";

const shared = `${root}/${job}/shared`;
const sha256 = "b".repeat(64);
const file = (name: string): FileReference => ({ name, sizeBytes: 5, sha256 });

/** The base of a chain of one handle, with a list. */
function listing(files: readonly FileReference[], chain: FileChain, list = "1-base-9-0.json.gz"): CheckpointManifest {
  const own = { job, checkpoint: 9, generation: 1 };
  const baseLists = [{ chain: chain.id, file: list, unpackedBytes: 500 }];
  return { ...manifestOf(files, chain), ...own, files: [...files, file(list)], baseLists };
}

function codeOf(action: () => unknown): string {
  try {
    action();
    return "none";
  } catch (error) {
    if (isStateError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
}

/** Writes what is not there yet of `names`, then a checkpoint that needs them all, the first two as the base of `chain`. */
async function publish(
  lease: CheckpointLease,
  id: number,
  written: Map<string, FileReference>,
  names: readonly string[],
  chain: string,
): Promise<CompletedCheckpoint> {
  const pending = await lease.begin(id);
  for (const name of names) if (!written.has(name)) written.set(name, await pending.files.writeFile(name, chunksOf(`of ${name}`)));
  const files = names.map((name) => written.get(name) as FileReference);
  const base = names.slice(0, 2);
  const description = { tables: base.map((name) => `table ${name}`) };
  return await pending.complete(manifestOf(files, { id: chain, base, description }), files);
}

async function listsIn(memory: MemoryFileSystem): Promise<string[]> {
  return (await memory.list(shared)).map(({ name }) => name).filter((name) => name.includes("-base-"));
}

async function threeCheckpoints(memory: MemoryFileSystem): Promise<{ lease: CheckpointLease; written: Map<string, FileReference> }> {
  const lease = await storageOn(memory).acquire(job);
  const written = new Map<string, FileReference>();
  await publish(lease, 1, written, ["1-a", "1-b"], "first");
  await publish(lease, 2, written, ["1-a", "1-b", "1-c"], "first");
  await publish(lease, 3, written, ["1-a", "1-b", "1-c", "1-d"], "first");
  return { lease, written };
}

describe("a manifest with a list of its base", () => {
  const files = [file("1-a"), file("1-b"), file("1-c")];
  const chain = { id: "first", base: ["1-a", "1-b"], description: { tables: [1, 2] } };
  const list: BaseList = { chain: "first", files: files.slice(0, 2), description: chain.description };

  test("comes back equal, and does not hold what the list does", () => {
    const bytes = encodeManifest(listing(files, chain));
    const stored = decodeStoredManifest(bytes, "file");
    expect(stored.lists).toEqual([{ chain: "first", file: file("1-base-9-0.json.gz"), unpackedBytes: 500 }]);
    expect(stored.complete(new Map([["first", list]]))).toEqual(listing(files, chain));
    expect(codeOf(() => decodeManifest(bytes, "file"))).toContain("$.baseLists do not have the chain");
    // A base of a thousand files makes the list longer, not the manifest.
    const many = Array.from({ length: 1_000 }, (_, index) => file(`1-${index}-${sha256Hex(Uint8Array.of(index & 255, index >> 8))}`));
    const large = listing([...many, file("1-c")], { ...chain, base: many.map(({ name }) => name) });
    expect(encodeManifest(large).length).toBe(bytes.length);
  });

  test("is refused where list and manifest do not agree", () => {
    const bytes = encodeManifest(listing(files, chain));
    const complete = (other: Partial<BaseList>): string =>
      codeOf(() => decodeManifest(bytes, "file", new Map([["first", { ...list, ...other }]])));
    expect(complete({ files: [{ ...file("1-c"), sizeBytes: 6 }] })).toContain("describe 1-c in two ways");
    expect(complete({ files: [file("1-c")] })).toContain('lists the file "1-c" twice');
    const named = (of: string, inFile: string): BaseListName => ({ chain: of, file: inFile, unpackedBytes: 500 });
    const wrong: [Partial<CheckpointManifest>, string][] = [
      [{ baseLists: [] }, 'lack the chain "first"'],
      [{ baseLists: [{ chain: "first", file: "1-x", unpackedBytes: 500 }] }, 'names "1-x", which $.files does not list'],
      [{ baseLists: [named("first", "1-a"), named("first", "1-b")] }, 'lists the chain "first" twice'],
      [{ baseLists: [named("first", "1-a"), named("other", "1-b")] }, "a chain that no handle describes"],
    ];
    for (const [change, message] of wrong) {
      expect(codeOf(() => encodeManifest({ ...listing(files, chain), ...change }))).toContain(`INVALID_ARGUMENT: manifest: `);
      expect(codeOf(() => encodeManifest({ ...listing(files, chain), ...change }))).toContain(message);
    }
  });

  test("a list with wrong contents is refused when read and when written", async () => {
    expect(decodeBaseList(unpacked((await encodeBaseList(list)).bytes, 10_000, "file"), "file")).toEqual(list);
    const wrong: [object, string][] = [
      [{ ...list, chain: "" }, "$.chain"],
      [{ ...list, more: 1 }, "unknown property"],
      [{ ...list, files: [file("1-a"), file("1-a")] }, "twice"],
      [{ ...list, files: [{ ...file("1-a"), sha256: "x" }] }, "$.files[0].sha256"],
      [{ ...list, files: [file("../x")] }, "CHECKPOINT_UNSAFE_NAME"],
      [{ chain: "first", files: [] }, "$.description is missing"],
    ];
    for (const [value, message] of wrong) {
      expect(codeOf(() => decodeBaseList(encodeFramedJson(baseListFormat, value as never), "file"))).toContain(message);
      await expect(encodeBaseList(value as BaseList)).rejects.toThrow(message === "CHECKPOINT_UNSAFE_NAME" ? "../x" : message);
    }
  });
});

describe("lists in a directory", () => {
  test("one for a chain, over restarts too, and it goes with the last checkpoint that names it", async () => {
    const memory = new MemoryFileSystem();
    const { written } = await threeCheckpoints(memory);
    expect(await listsIn(memory)).toEqual(["1-base-1-0.json.gz"]);
    const next = await storageOn(memory).acquire(job);
    const restored = await next.readManifest(next.restorePoint as CompletedCheckpoint);
    expect(restored.operators[0]?.subtasks[0]?.keyed).toMatchObject({
      files: ["1-a", "1-b", "1-c", "1-d"],
      chain: { id: "first", base: ["1-a", "1-b"], description: { tables: ["table 1-a", "table 1-b"] } },
    });
    await publish(next, 4, written, ["1-a", "1-b", "1-c", "1-d", "2-e"], "first");
    expect(await listsIn(memory)).toEqual(["1-base-1-0.json.gz"]);
    await publish(next, 5, written, ["2-f", "2-g"], "second");
    expect(await listsIn(memory)).toEqual(["1-base-1-0.json.gz", "2-base-5-0.json.gz"]);
    next.chainVerified("second");
    expect((await next.subsume(1)).deletedFiles).toEqual(["1-a", "1-b", "1-base-1-0.json.gz", "1-c", "1-d", "2-e"]);
    expect((await next.readManifest((await next.list())[0] as CompletedCheckpoint)).files.map(({ name }) => name)).toEqual([
      "2-f", "2-g", "2-base-5-0.json.gz",
    ]);
  });

  test("another base under the same name is listed anew", async () => {
    const memory = new MemoryFileSystem();
    const lease = await storageOn(memory).acquire(job);
    const written = new Map<string, FileReference>();
    await publish(lease, 1, written, ["1-a", "1-b"], "first");
    const second = await publish(lease, 2, written, ["1-c", "1-d"], "first");
    expect(await listsIn(memory)).toEqual(["1-base-1-0.json.gz", "1-base-2-0.json.gz"]);
    expect((await lease.readManifest(second)).operators[0]?.subtasks[0]?.keyed?.chain?.base).toEqual(["1-c", "1-d"]);
  });

  test("rules 17, 20: one that is missing or damaged is found, named by the survey, and stops all deleting", async () => {
    const path = `${shared}/1-base-1-0.json.gz`;
    const spoilers: [string, (memory: MemoryFileSystem, bytes: Uint8Array) => Promise<void>][] = [
      ["CHECKPOINT_FILE_MISSING", async () => undefined],
      ["CHECKPOINT_FILE_DAMAGED", (memory, bytes) => writeDurably(memory, path, bytes.map((byte, at) => (at === 40 ? byte ^ 1 : byte)))],
      ["CHECKPOINT_FILE_DAMAGED", (memory, bytes) => writeDurably(memory, path, bytes.subarray(1))],
      ["CHECKPOINT_FILE_DAMAGED", (memory) => memory.makeDirectory(path)],
    ];
    for (const [code, spoil] of spoilers) {
      const memory = new MemoryFileSystem();
      const { lease } = await threeCheckpoints(memory);
      const [first] = (await lease.list()) as [CompletedCheckpoint];
      // The lease knows by then what is in the list, and looks at the file all the same.
      for (const checkpoint of await lease.list()) await lease.readManifest(checkpoint);
      const bytes = await memory.readFile(path);
      await memory.removeFile(path);
      await spoil(memory, bytes);
      await expect(storageOn(memory).reader(job).readManifest(first)).rejects.toMatchObject({ code, details: { path } });
      const place = { directory: root, job, fileSystem: memory };
      expect((await surveyJob(place)).checkpoints.map(({ problem }) => problem?.code)).toEqual([code, code, code]);
      expect((await planGarbage(place)).blockedBy.map((error) => error.code)).toEqual([code, code, code]);
      expect((await sweepGarbage(place)).deleted).toEqual([]);
      expect(await lease.subsume(1)).toMatchObject({ deletedFiles: [], blockedBy: { code } });
    }
  });

  test("all lists of a manifest together unpack to so much and no more", async () => {
    const memory = new MemoryFileSystem();
    const lease = await storageOn(memory).acquire(job);
    const subtasks = (megabytes: number): OperatorState["subtasks"] =>
      ["first", "second"].map((id, subtask) => {
        const chain = { id: `${id}-${megabytes}`, base: [], description: "x".repeat(megabytes * 1024 * 1024) };
        return { subtask, keyed: { backend: "memory", keyGroups: [subtask, subtask], files: [], description: null, chain } };
      });
    const taken = async (id: number, megabytes: number): Promise<CompletedCheckpoint> => {
      const operators = [{ id: "count", parallelism: 2, subtasks: subtasks(megabytes) }];
      return await (await lease.begin(id)).complete({ ...manifestOf([]), operators }, []);
    };
    const small = await taken(1, 20);
    expect((await lease.readManifest(small)).operators[0]?.subtasks).toEqual(subtasks(20));
    // Each of them is within the limit, and packed they are next to nothing. What could not be read is not announced.
    await expect(taken(2, 40)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect((await lease.list()).map(({ id }) => id)).toEqual([1]);
  });

  test("a list unpacks to what the manifest says and no more", async () => {
    const memory = new MemoryFileSystem();
    const lease = await storageOn(memory).acquire(job);
    const { bytes: list, unpackedBytes } = await encodeBaseList({ chain: "first", files: [], description: "x".repeat(100_000) });
    const pending = await lease.begin(1);
    const reference = await pending.files.writeFile("1-list", (async function* () {
      yield list;
    })());
    for (const [said, reason] of [[unpackedBytes, undefined], [unpackedBytes - 1, "too-large"]] as const) {
      const manifest = { ...listing([], { id: "first", base: [], description: null }), checkpoint: 1, files: [reference] };
      const bytes = encodeManifest({ ...manifest, baseLists: [{ chain: "first", file: "1-list", unpackedBytes: said }] });
      const path = `${root}/${job}/chk-000001/manifest.json.gz`;
      await memory.removeFile(path).catch(() => undefined);
      await writeDurably(memory, path, bytes);
      const read = storageOn(memory).reader(job).readManifest({ id: 1, generation: 1, slot: 2, manifestSha256: sha256Hex(bytes) });
      if (reason === undefined) await read;
      else await expect(read).rejects.toMatchObject({ code: "CHECKPOINT_DAMAGED", details: { reason } });
    }
  });

  test("the list of another chain in its place is refused", async () => {
    const memory = new MemoryFileSystem();
    const lease = await storageOn(memory).acquire(job);
    const { bytes: foreign, unpackedBytes } = await encodeBaseList({ chain: "other", files: [file("1-x")], description: null });
    const pending = await lease.begin(1);
    const reference = await pending.files.writeFile("1-list", (async function* () {
      yield foreign;
    })());
    await pending.abort();
    const manifest = { ...listing([], { id: "first", base: [], description: null }, "1-list"), checkpoint: 1 };
    const baseLists = [{ chain: "first", file: "1-list", unpackedBytes }];
    const bytes = encodeManifest({ ...manifest, files: [reference], baseLists });
    await memory.makeDirectory(`${root}/${job}/chk-000001`);
    await writeDurably(memory, `${root}/${job}/chk-000001/manifest.json.gz`, bytes);
    const announced = { id: 1, generation: 1, slot: 2, manifestSha256: sha256Hex(bytes) };
    await expect(storageOn(memory).reader(job).readManifest(announced)).rejects.toMatchObject({ code: "CHECKPOINT_DAMAGED" });
    // Nothing that a manifest leads to is read before it is known to be the announced one.
    const altered = { ...announced, manifestSha256: sha256 };
    await expect(storageOn(memory).reader(job).readManifest(altered)).rejects.toThrow("not the one that was announced");
  });
});
