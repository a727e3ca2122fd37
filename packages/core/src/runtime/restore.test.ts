import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { errnoError } from "../storage/file-errors.js";
import { type FaultPlan, FaultyFileSystem } from "../storage/faulty-file-system.js";
import { writeDurably } from "../storage/create-if-absent.js";
import { MemoryFileSystem } from "../storage/memory-file-system.js";
import { type JobRestore, jobRestore } from "./restore.js";

const right = new TextEncoder().encode("what the checkpoint holds");
const wrong = new TextEncoder().encode("what the checkpoint held!");
const sha256 = createHash("sha256").update(right).digest("hex");
const reference = { name: "1-0.sst", sizeBytes: right.length, sha256 };

/** Links out of the checkpoint's directory fail as between two disks. */
const separate: FaultPlan = ({ operation, from }) =>
  operation === "link" && from?.startsWith("/checkpoints") === true
    ? { kind: "error", error: errnoError("link", from, "EXDEV", "two disks", "link") }
    : undefined;

async function stage(plan: FaultPlan = separate, stored: Uint8Array = right): Promise<{ files: FaultyFileSystem; restore: JobRestore }> {
  const files = new FaultyFileSystem(new MemoryFileSystem(), (call) => plan(call));
  for (const directory of ["/checkpoints", "/local", "/to"]) await files.makeDirectory(directory);
  await writeDurably(files, "/checkpoints/1-0.sst", stored);
  const keyed = { backend: "some", keyGroups: [0, 127] as const, files: [reference.name], description: null };
  const restore = jobRestore({
    report: { checkpoint: 1, location: "/checkpoints", job: "j", fellBackFrom: undefined, verified: "sizes" },
    checkpoint: { id: 1, generation: 1, slot: 1, manifestSha256: "" },
    manifest: {
      job: "j", checkpoint: 1, generation: 1, kind: "checkpoint", createdAtMs: 0, maxParallelism: 128, records: 0, files: [reference],
      operators: [{ id: "o", parallelism: 1, subtasks: [{ subtask: 0, keyed }] }],
    },
    isOwn: true,
    placed: new Map([[reference.name, { reference, path: "/checkpoints/1-0.sst" }]]),
    unverified: new Set([reference.name]),
    fileSystem: files,
  });
  return { files, restore };
}

/** How the file came to /to/a, and whether it still has to be read in the background. */
async function placed(restore: JobRestore, elsewhere?: readonly string[]): Promise<[string | undefined, "verified" | "unverified"]> {
  const find = elsewhere === undefined ? undefined : async () => elsewhere;
  const how = await restore.keyedOf("o")?.place?.(reference.name, "/to/a", undefined, find);
  return [how, restore.unverified().length === 0 ? "verified" : "unverified"];
}

test("a file that can be linked is, and nobody is asked for others", async () => {
  const { files, restore } = await stage(() => undefined);
  const how = await restore.keyedOf("o")?.place?.(reference.name, "/to/a", undefined, async () => {
    throw new Error("asked");
  });
  expect([how, restore.unverified().length]).toEqual(["linked", 1]);
  expect(files.calls.filter(({ operation }) => operation === "sha256" || operation === "copyHashed")).toEqual([]);
});

test("local recovery: of the files that may be the same, the right one is linked; the checkpoint's own stays to be read", async () => {
  const { files, restore } = await stage();
  await writeDurably(files, "/local/damaged.sst", wrong);
  await writeDurably(files, "/local/half.sst", right.subarray(0, 9));
  await writeDurably(files, "/local/same.sst", right);
  const paths = ["/local/gone.sst", "/local/damaged.sst", "/local/half.sst", "/local", "/local/same.sst"];
  expect(await placed(restore, paths)).toEqual(["found", "unverified"]);
  expect(await files.readFile("/to/a")).toEqual(right);
  expect(files.calls.filter(({ operation }) => operation === "copyHashed")).toEqual([]);
  // Linked, so what belongs to another life is still there.
  expect(await files.readFile("/local/same.sst")).toEqual(right);
});

test("local recovery: damaged, half-written, vanished and unreadable files are never taken; the checkpoint is copied", async () => {
  const unreadable: FaultPlan = (call) =>
    call.operation === "sha256" ? { kind: "error", error: errnoError("hash", call.path, "EIO", "bad disk", "read") } : separate(call);
  for (const plan of [separate, unreadable]) {
    const { files, restore } = await stage(plan);
    await writeDurably(files, "/local/half.sst", right.subarray(0, 9));
    await writeDurably(files, "/local/other.sst", plan === separate ? wrong : right);
    expect(await placed(restore, ["/local/gone.sst", "/local/half.sst", "/local/other.sst"])).toEqual(["copied", "verified"]);
    expect(await files.readFile("/to/a")).toEqual(right);
  }
});

test("a copy is compared with the checksum while it is made, also where a local file was no help", async () => {
  for (const elsewhere of [undefined, [], ["/local/damaged.sst"]]) {
    const { files, restore } = await stage(separate, wrong);
    await writeDurably(files, "/local/damaged.sst", wrong);
    await expect(placed(restore, elsewhere)).rejects.toMatchObject({ code: "CHECKPOINT_FILE_DAMAGED", details: { name: reference.name } });
    expect(await files.stat("/to/a")).toBeUndefined();
    expect(restore.unverified()).toEqual([reference]);
  }
});
