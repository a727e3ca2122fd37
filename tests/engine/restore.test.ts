import { readdir, readFile, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { type CheckpointReport, type DamageReport, type JobOptions, type Sink, type StateBackend, StateError } from "@tidemark/core";
import { fileSink } from "@tidemark/core/connectors";
import { chainsOf, FaultyFileSystem, type FaultPlan, NodeFileSystem } from "@tidemark/core/storage";
import { memoryBackend } from "@tidemark/state-memory";
import { describe, expect, onTestFinished, test } from "vitest";
import { Counting, errorOf, expected, until } from "./counting.js";
import { backends } from "./scratch.js";

/** A sink that remembers which checkpoints it was told of, and cannot take anything back. */
class RecordingSink {
  readonly commits: number[] = [];
  finishes = 0;

  sink(): Sink<string> {
    return {
      description: "recording",
      open: async () => ({
        write: () => undefined,
        drain: () => undefined,
        snapshot: async () => null,
        notifyCheckpointComplete: async (id) => void this.commits.push(id),
        finish: async () => void (this.finishes += 1),
        close: async () => undefined,
      }),
    };
  }
}

/** The memory backend as one that links its files and lets them be read back later. */
function linking(): StateBackend {
  return { ...memoryBackend(), restoresBy: "link" };
}

describe.each(backends)("a damaged newest checkpoint on $name", ({ name, create }) => {
  test("rule 20: is refused with the option that falls back; with it the newest whole one is taken, and ids go on", async () => {
    const counting = await Counting.create();
    const ids = await counting.checkpoints(create(counting.directory), 3);
    const newest = ids.at(-1) as number;
    const older = new Set(await counting.filesOf(ids[1] as number));
    for (const file of await counting.filesOf(newest)) if (!older.has(file)) await counting.flip(file);
    const backend = (): StateBackend => create(counting.directory);
    const refused = await errorOf(counting.run(backend(), {}));
    expect(refused.code).toBe("CHECKPOINT_FILE_DAMAGED");
    expect(refused.message).toContain('restore: { onDamaged: "fall-back" }');
    const result = await counting.run(backend(), { onDamaged: "fall-back" });
    expect(result).toMatchObject({ status: "finished", records: 100 });
    expect(result.restored?.fellBackFrom).toBe(newest);
    expect(result.restored?.checkpoint).toBeLessThan(newest);
    expect(result.lastCheckpoint?.id).toBeGreaterThan(newest);
    expect(counting.output).toEqual(expected);
    // From now on it starts without the option: the damaged ones are given up and their directories gone.
    const again = await counting.run(backend(), {});
    expect(again.restored?.fellBackFrom).toBeUndefined();
    expect(again.restoredFrom).toBe(result.lastCheckpoint?.id);
    expect(await readdir(counting.folder)).not.toContain(`chk-${String(newest).padStart(6, "0")}`);
    expect(name).not.toBe("");
  });

  test("rule 20: a file that was published already is written again from the older checkpoint, each line once", async () => {
    const counting = await Counting.create();
    const path = join(counting.directory, "rows.txt");
    counting.sink = fileSink({ path, format: (row: string) => row });
    const running = counting.job(create(counting.directory)).start();
    counting.source.release(40);
    await until(running, () => running.metrics().records === 40);
    await running.triggerCheckpoint();
    counting.source.release(60);
    counting.source.end();
    const { lastCheckpoint } = await running.finished;
    for (const file of await counting.filesOf(lastCheckpoint?.id as number)) await counting.flip(file);
    // On a backend whose files are shared, the damage may reach back to the first checkpoint.
    const older = await counting.run(create(counting.directory), { onDamaged: "fall-back" }).catch((error: unknown) => error);
    if (older instanceof Error) expect(older).toMatchObject({ code: "CHECKPOINT_FILE_DAMAGED" });
    else expect(older).toMatchObject({ restored: { fellBackFrom: lastCheckpoint?.id } });
    expect((await readFile(path, "utf8")).trim().split("\n")).toEqual(expected);
  });

  test("any damage of the manifest or a file is found; with nothing whole the job refuses", async () => {
    const counting = await Counting.create();
    const ids = await counting.checkpoints(create(counting.directory), 2);
    for (const id of ids) await truncate(join(counting.folder, `chk-${String(id).padStart(6, "0")}`, "manifest.json.gz"), 100 + id);
    const before = (await readdir(counting.folder, { recursive: true })).sort();
    const error = await errorOf(counting.run(create(counting.directory), { onDamaged: "fall-back" }));
    expect(error.code).toBe("CHECKPOINT_DAMAGED");
    expect(error.message).toContain("no older checkpoint is whole either");
    const after = new Set(await readdir(counting.folder, { recursive: true }));
    expect(before.filter((path) => !after.has(path))).toEqual([]);
  });

  test("rule 20: going back by id gives up what came after", async () => {
    const counting = await Counting.create();
    const ids = await counting.checkpoints(create(counting.directory), 3);
    const missing = await errorOf(counting.run(create(counting.directory), { from: 999 }));
    expect(missing.code).toBe("CHECKPOINT_NOT_FOUND");
    expect(missing.message).toContain(ids.join(", "));
    const result = await counting.run(create(counting.directory), { from: ids[0] as number });
    expect(result).toMatchObject({ restoredFrom: ids[0], records: 100 });
    expect(result.lastCheckpoint?.id).toBeGreaterThan(ids.at(-1) as number);
    expect(counting.output).toEqual(expected);
  });

  test("rule 17: another job starts from a copy of its own, and the source is left as it was", async () => {
    const source = await Counting.create();
    const ids = await source.checkpoints(create(source.directory), 2);
    const before = (await readdir(source.folder, { recursive: true })).sort();
    const fork = await Counting.create();
    fork.name = "fork";
    fork.output.push(...source.output);
    const from = { directory: join(source.directory, "checkpoints"), job: "counting" };
    const result = await fork.run(create(fork.directory), { from });
    expect(result).toMatchObject({ status: "finished", records: 100, restored: { checkpoint: ids.at(-1), job: "counting" } });
    expect(fork.output).toEqual(expected);
    expect((await readdir(source.folder, { recursive: true })).sort()).toEqual([...before, "pins"].sort());
    // The names of chains are a job's own: the next base of the fork must not be taken for one that the source began.
    const theirs = new Set(chainsOf(await source.manifestOf(ids.at(-1) as number)));
    expect(chainsOf(await fork.manifestOf(1)).filter((chain) => theirs.has(chain))).toEqual([]);
    // Its own checkpoints stand without the source, and come first from now on.
    await rm(source.directory, { recursive: true });
    const again = await fork.run(create(fork.directory), { from });
    expect(again).toMatchObject({ restoredFrom: result.lastCheckpoint?.id, restored: { job: "fork" } });
  });
});

describe("files that are linked", () => {
  test("rule 18: are read back while the job runs; until then no sink commits and nothing is deleted", async () => {
    const counting = await Counting.create();
    const ids = await counting.checkpoints(linking(), 4);
    const recording = new RecordingSink();
    counting.sink = recording.sink();
    let release: () => void = () => undefined;
    const held = new Promise<undefined>((resolve) => (release = () => resolve(undefined)));
    // Only reading back hashes files in shared/ that were there before.
    const restoredFiles = new Set(await counting.filesOf(ids.at(-1) as number));
    const plan: FaultPlan = ({ operation, path }) =>
      operation === "sha256" && restoredFiles.has(path.split("/").at(-1) ?? "") ? held : undefined;
    const files = new NodeFileSystem();
    onTestFinished(() => files.close());
    const running = counting.job(linking(), { fileSystem: new FaultyFileSystem(files, plan), checkpoint: oneKept(counting) }).start();
    counting.source.release(60);
    await until(running, () => running.metrics().records === 60);
    expect(running.metrics().restored).toMatchObject({ checkpoint: ids.at(-1), verified: "sizes" });
    const [first, second] = [await running.triggerCheckpoint(), await running.triggerCheckpoint()];
    expect(recording.commits).toEqual([]);
    expect((await readdir(counting.folder)).filter((name) => name.startsWith("chk-")).length).toBeGreaterThan(3);
    release();
    await until(running, () => recording.commits.length > 0);
    expect(recording.commits).toEqual([second.id]);
    expect(first.id).toBeLessThan(second.id);
    await running.triggerCheckpoint();
    await until(running, () => recording.commits.length === 2);
    counting.source.end();
    await running.finished;
    expect(recording.finishes).toBe(1);
    expect((await readdir(counting.folder)).filter((name) => name.startsWith("chk-")).length).toBe(1);
  });

  test("rule 18: a job whose input ends publishes only once all was read back", async () => {
    const counting = await Counting.create();
    const ids = await counting.checkpoints(linking(), 1);
    const [file] = await counting.filesOf(ids.at(-1) as number);
    const recording = new RecordingSink();
    counting.sink = recording.sink();
    let release: () => void = () => undefined;
    const held = new Promise<undefined>((resolve) => (release = () => resolve(undefined)));
    const files = new NodeFileSystem();
    onTestFinished(() => files.close());
    const plan: FaultPlan = ({ operation, path }) => (operation === "sha256" && path.endsWith(file as string) ? held : undefined);
    const final: number[] = [];
    const listeners = [{ checkpointCompleted: ({ id, kind }: CheckpointReport) => void (kind === "final" && final.push(id)) }];
    const running = counting.job(linking(), { fileSystem: new FaultyFileSystem(files, plan), listeners }).start();
    counting.source.release(50);
    counting.source.end();
    await until(running, () => final.length === 1);
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect([recording.commits, recording.finishes]).toEqual([[], 0]);
    release();
    expect((await running.finished).status).toBe("finished");
    expect([recording.commits, recording.finishes]).toEqual([final, 1]);
  });

  test("rule 18: damage found in the background ends the job with nothing committed; the next start sees it at once", async () => {
    const counting = await Counting.create();
    const ids = await counting.checkpoints(linking(), 2);
    const newest = ids.at(-1) as number;
    const recording = new RecordingSink();
    counting.sink = recording.sink();
    const damages: DamageReport[] = [];
    const listeners = [{ damageFound: (report: DamageReport) => void damages.push(report) }];
    const [file] = await counting.filesOf(newest);
    const { fileSystem, arm } = flippedReads(file as string);
    const running = counting.job(linking(), { fileSystem, listeners }).start();
    arm();
    counting.source.release(50);
    const error = await errorOf(running.finished);
    expect(error.code).toBe("CHECKPOINT_FILE_DAMAGED");
    expect(error.message).toContain("onDamaged");
    expect(recording.commits).toEqual([]);
    expect(recording.finishes).toBe(0);
    expect(damages).toMatchObject([{ checkpoint: newest, file }]);
    expect(await readdir(join(counting.folder, "suspect"))).toEqual([file]);
    const again = await errorOf(counting.run(linking(), {}, { fileSystem }));
    expect(again.code).toBe("CHECKPOINT_FILE_DAMAGED");
    expect(again.message).toContain("allowDuplicates: true");
    // A sink that keeps its effects, told at most of the checkpoint that is given up.
    const refused = await errorOf(counting.run(linking(), { onDamaged: "fall-back" }, { fileSystem }));
    expect(refused.code).toBe("RESTORE_WOULD_DUPLICATE");
    expect(refused.details).toMatchObject({ newest, sinks: ["out"] });
    const result = await counting.run(linking(), { onDamaged: "fall-back", allowDuplicates: true }, { fileSystem });
    expect(result.restored).toMatchObject({ checkpoint: ids.at(-2), fellBackFrom: newest, verified: "checksums" });
  });

  test("a suspect that turns out whole is used again", async () => {
    const counting = await Counting.create();
    const ids = await counting.checkpoints(linking(), 1);
    const [file] = await counting.filesOf(ids.at(-1) as number);
    const { fileSystem, arm } = flippedReads(file as string, 1);
    const running = counting.job(linking(), { fileSystem }).start();
    arm();
    expect((await errorOf(running.finished)).code).toBe("CHECKPOINT_FILE_DAMAGED");
    const result = await counting.run(linking(), {}, { fileSystem });
    expect(result).toMatchObject({ restoredFrom: ids.at(-1), restored: { verified: "checksums" } });
    expect(await readdir(join(counting.folder, "suspect"))).toEqual([]);
  });

  test("a damaged file that opening stumbles over is named, and falling back works", async () => {
    const counting = await Counting.create();
    const ids = await counting.checkpoints(linking(), 2);
    const [file] = await counting.filesOf(ids.at(-1) as number);
    await counting.flip(file as string);
    const refused = await errorOf(counting.run(linking(), {}));
    expect(refused).toMatchObject({ code: "CHECKPOINT_FILE_DAMAGED", details: { name: file } });
    expect(refused.message).toContain("SHA-256");
    const result = await counting.run(linking(), { onDamaged: "fall-back" });
    expect(result.restored).toMatchObject({ checkpoint: ids.at(-2), fellBackFrom: ids.at(-1) });
    expect(counting.output).toEqual(expected);
  });

  test("a job that fails on what was not read back yet says which file is damaged", async () => {
    const counting = await Counting.create();
    const ids = await counting.checkpoints(linking(), 1);
    const [file] = await counting.filesOf(ids.at(-1) as number);
    const { fileSystem, arm } = flippedReads(file as string);
    // The check in the background never gets to its end; the one that explains the failure does.
    let isFirst = true;
    const plan: FaultPlan = ({ operation, path }) => {
      if (operation !== "sha256" || !path.endsWith(file as string) || !isFirst) return undefined;
      isFirst = false;
      return new Promise(() => undefined);
    };
    const corrupt = new StateError("STATE_CORRUPT", "a block does not decode");
    const recording = new RecordingSink().sink();
    counting.sink = {
      ...recording,
      open: async (context, restored) => ({
        ...(await recording.open(context, restored)),
        write: () => {
          throw corrupt;
        },
      }),
    };
    const running = counting.job(linking(), { fileSystem: new FaultyFileSystem(fileSystem, plan) }).start();
    arm();
    // Not before: the reading that explains the failure would be the first, and never end.
    await until(running, () => !isFirst);
    counting.source.release(50);
    expect(await errorOf(running.finished)).toMatchObject({ code: "CHECKPOINT_FILE_DAMAGED", details: { name: file } });
    // A failure of another kind stays what it is.
    const whole = counting.job(linking(), { fileSystem: new NodeFileSystem() }).start();
    counting.source.release(50);
    expect((await errorOf(whole.finished)).code).toBe("STATE_CORRUPT");
  });

  test("`verify` decides what is read in front, whatever the backend does", async () => {
    const counting = await Counting.create();
    await counting.checkpoints(linking(), 1);
    expect((await counting.run(linking(), { verify: "checksums" })).restored?.verified).toBe("checksums");
    expect((await counting.run(memoryBackend(), { verify: "sizes" })).restored?.verified).toBe("sizes");
    expect((await counting.run(memoryBackend(), {})).restored?.verified).toBe("checksums");
    expect((await counting.run(linking(), {})).restored?.verified).toBe("sizes");
  });
});

function oneKept(counting: Counting): NonNullable<JobOptions["checkpoint"]> {
  return { directory: join(counting.directory, "checkpoints"), interval: "1h", retain: 1 };
}

/** A disk on which a file reads wrong, `times` times, once arm() was called and the job has opened it. */
function flippedReads(name: string, times = Infinity): { fileSystem: NodeFileSystem; arm: () => void } {
  class WrongReads extends NodeFileSystem {
    left = 0;
    override async sha256(path: string, signal?: AbortSignal): Promise<string> {
      const sha256 = await super.sha256(path, signal);
      if (!path.endsWith(name) || this.left === 0) return sha256;
      this.left -= 1;
      return sha256.replace(/^./, (digit) => (digit === "0" ? "1" : "0"));
    }
  }
  const fileSystem = new WrongReads();
  onTestFinished(() => fileSystem.close());
  return { fileSystem, arm: () => void (fileSystem.left = times) };
}
