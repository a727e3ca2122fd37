import { join } from "node:path";
import { isStateError, StateError } from "../errors/index.js";
import { announcedIn, type CommitLogState } from "./commit-log.js";
import { errnoOf } from "./file-errors.js";
import type { DirectoryEntry, FileSystem } from "./file-system.js";
import { type GarbageFacts, GarbagePlanner, type GarbageVerdict, stays } from "./garbage-plan.js";
import { type JobDirectory, manifestName } from "./job-directory.js";
import { emptyLog, type JobPlace, openPlace, readUnannounced, requirePlainRecords } from "./job-survey.js";
import { checkpointIdOf, slotOf, temporaryGenerationOf } from "./names.js";
import { Pins } from "./pins.js";

/** Something in a job's directory, and whether it may go. */
export interface GarbageItem extends GarbageVerdict {
  /** Relative to the job's directory, with "/"; of a checkpoint its directory. */
  readonly path: string;
  readonly kind: "shared-file" | "checkpoint" | "temporary-file" | "commit-record";
  /** Of a checkpoint that of its manifest. */
  readonly sizeBytes: number;
}

export interface GarbagePlan {
  readonly job: string;
  /** The job's own directory, absolute. */
  readonly location: string;
  /** Of the newest coordinator; 0 when there was none or the log cannot be read. */
  readonly generation: number;
  readonly items: readonly GarbageItem[];
  /** What cannot be read and may name anything: then nothing goes. Empty when all can be. */
  readonly blockedBy: readonly StateError[];
}

export interface GarbageSweep {
  readonly plan: GarbagePlan;
  readonly deleted: readonly GarbageItem[];
  /** What stopped it in the middle; the rest is still there and a later call deletes it. */
  readonly failure?: StateError;
}

/**
 * Says of everything in a job's directory whether it may go and why, and deletes nothing. Holds no lease and is safe while the job runs:
 * see GarbagePlanner. Throws FOREIGN_DIRECTORY, CHECKPOINT_DAMAGED for a damaged job.json, INVALID_CONFIGURATION, IO.
 */
export async function planGarbage(place: JobPlace): Promise<GarbagePlan> {
  const { jobDirectory } = openPlace(place);
  await jobDirectory.isOurs();
  const candidates = await listCandidates(place.fileSystem, jobDirectory);
  const reading = await readFacts(place);
  const items = judge(candidates, reading);
  const { blockedBy } = reading;
  const sized: GarbageItem[] = [];
  for (const item of items) {
    const path = join(jobDirectory.path, item.kind === "checkpoint" ? join(item.path, manifestName) : item.path);
    const sizeBytes = (await place.fileSystem.stat(path).catch(() => undefined))?.sizeBytes ?? 0;
    const verdict = blockedBy.length > 0 && item.mayGo ? stays("blocked", "what cannot be read may need it") : {};
    sized.push({ ...item, sizeBytes, ...verdict });
  }
  return { job: place.job, location: jobDirectory.path, generation: reading.facts.generation, items: sized, blockedBy };
}

/**
 * Deletes what planGarbage() says may go, after making the plan a second time: only what both plans agree on goes, and nothing while
 * something cannot be read. Throws like planGarbage.
 */
export async function sweepGarbage(place: JobPlace): Promise<GarbageSweep> {
  const first = await planGarbage(place);
  const plan = await planGarbage(place);
  if (first.blockedBy.length > 0 || plan.blockedBy.length > 0) {
    return { plan: first.blockedBy.length > 0 ? first : plan, deleted: [] };
  }
  const agreed = new Set(first.items.filter(({ mayGo }) => mayGo).map(({ path }) => path));
  const isDoomed = (kind: GarbageItem["kind"]) => (item: GarbageItem) => item.kind === kind && item.mayGo && agreed.has(item.path);
  const deleted: GarbageItem[] = [];
  try {
    await deleteCheckpoints(place, plan.items.filter(isDoomed("checkpoint")), deleted);
    for (const kind of ["shared-file", "temporary-file", "commit-record"] as const) {
      for (const item of plan.items.filter(isDoomed(kind))) {
        await place.fileSystem.removeFile(join(plan.location, item.path));
        deleted.push(item);
      }
    }
  } catch (error) {
    if (!isStateError(error)) {
      throw error;
    }
    return { plan, deleted, failure: error };
  }
  return { plan, deleted };
}

/** Manifests go first and durably: a manifest must never outlive a file that it names. */
async function deleteCheckpoints({ fileSystem, ...place }: JobPlace, items: readonly GarbageItem[], deleted: GarbageItem[]): Promise<void> {
  const { jobDirectory } = openPlace({ ...place, fileSystem });
  for (const { path } of items) {
    await fileSystem.removeFile(join(jobDirectory.path, path, manifestName));
    // The job itself may be cleaning up as well, and faster.
    await fileSystem.syncDirectory(join(jobDirectory.path, path)).catch((error: unknown) => {
      if (errnoOf(error) !== "ENOENT") throw error;
    });
  }
  for (const item of items) {
    await fileSystem.removeDirectory(join(jobDirectory.path, item.path));
    deleted.push(item);
  }
  if (items.length > 0) {
    await fileSystem.syncDirectory(jobDirectory.path);
  }
}

interface Candidates {
  readonly checkpoints: readonly { readonly id: number; readonly path: string; readonly isPlain: boolean }[];
  readonly shared: readonly DirectoryEntry[];
  readonly commits: readonly DirectoryEntry[];
  /** Of the job's directory itself and of checkpoints' directories, with their paths. */
  readonly temporary: readonly string[];
}

async function listCandidates(fileSystem: FileSystem, directory: JobDirectory): Promise<Candidates> {
  const entries = await fileSystem.list(directory.path);
  const isTemporary = ({ name, kind }: DirectoryEntry): boolean => kind === "file" && temporaryGenerationOf(name) !== undefined;
  const temporary = entries.filter(isTemporary).map(({ name }) => name);
  const checkpoints: { id: number; path: string; isPlain: boolean }[] = [];
  for (const { name, kind } of entries) {
    const id = checkpointIdOf(name);
    if (id !== undefined && kind === "directory") {
      const inside = await fileSystem.list(join(directory.path, name));
      const isPlain = inside.every((entry) => isTemporary(entry) || entry.name === manifestName);
      checkpoints.push({ id, path: name, isPlain });
      temporary.push(...inside.filter(isTemporary).map((entry) => `${name}/${entry.name}`));
    }
  }
  return { checkpoints, shared: await fileSystem.list(directory.shared), commits: await fileSystem.list(directory.commits), temporary };
}

interface Reading {
  readonly facts: GarbageFacts;
  /** For each announced or other checkpoint with a readable manifest: its generation and the files it names. */
  readonly manifests: ReadonlyMap<number, { readonly generation: number; readonly files: readonly string[] }>;
  readonly blockedBy: readonly StateError[];
}

/** In the order that GarbagePlanner asks for. */
async function readFacts(place: JobPlace): Promise<Reading> {
  const { jobDirectory, log, reader } = openPlace(place);
  const blockedBy: StateError[] = [];
  const orBlocked = async <T>(action: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      if (!isStateError(error)) throw error;
      blockedBy.push(error);
      return otherwise;
    }
  };
  const state = await orBlocked(async () => {
    await requirePlainRecords(place);
    return log.read();
  }, emptyLog);
  const announced = announcedIn(state);
  const manifests = new Map<number, { generation: number; files: string[] }>();
  const keep = ({ checkpoint, generation, files }: Awaited<ReturnType<typeof reader.readManifest>>): void => {
    manifests.set(checkpoint, { generation, files: files.map(({ name }) => name) });
  };
  for (const checkpoint of announced) {
    await orBlocked(async () => keep(await reader.readManifest(checkpoint)), undefined);
  }
  for (const path of [jobDirectory.shared, jobDirectory.commits, jobDirectory.pins]) {
    await orBlocked(() => requireDirectory(place.fileSystem, path), undefined);
  }
  const pins = await orBlocked(() => new Pins(place.fileSystem, jobDirectory).read(), []);
  const present = (await place.fileSystem.list(jobDirectory.path)).flatMap(({ name }) => checkpointIdOf(name) ?? []);
  for (const id of present.filter((each) => !manifests.has(each))) {
    // An unreadable one that was never announced protects nothing: nobody can restore it.
    const manifest = await readUnannounced(place, id).catch(() => undefined);
    if (manifest !== undefined) keep(manifest);
  }
  return { facts: factsOf(state, present, pins), manifests, blockedBy };
}

function factsOf(state: CommitLogState, present: readonly number[], pins: Awaited<ReturnType<Pins["read"]>>): GarbageFacts {
  const announced = new Set(announcedIn(state).map(({ id }) => id));
  const records = [...state.records].map(([slot, record]) => ({ slot, record }));
  const complete = records.flatMap(({ slot, record }) => (record.kind === "checkpoint" ? [{ slot, id: record.checkpoint }] : []));
  const fence = records.findLast(({ record }) => record.kind === "fence");
  const before = fence === undefined ? [] : complete.filter(({ slot }) => slot < fence.slot);
  const newest = Math.max(0, ...announced);
  const recorded = new Set(complete.map(({ id }) => id));
  return {
    generation: state.generation,
    firstSlot: state.firstSlot,
    oldestCheckpoint: state.oldestCheckpoint,
    announced,
    pinned: new Set(pins.map(({ checkpoint }) => checkpoint)),
    recorded,
    highestBeforeFence: before.at(-1)?.id,
    isNothingGivenUpSinceFence: fence !== undefined && fence.record.oldestCheckpoint === state.oldestCheckpoint,
    attempt: present.find((id) => id > newest && !recorded.has(id)),
    pinnedFiles: new Set(pins.flatMap(({ files }) => files)),
  };
}

function judge(candidates: Candidates, { facts, manifests }: Reading): Omit<GarbageItem, "sizeBytes">[] {
  const planner = new GarbagePlanner(facts);
  const checkpoints = candidates.checkpoints.map(({ id, path, isPlain }) => {
    const verdict = planner.checkpoint(id, manifests.get(id)?.generation);
    const isOther = verdict.mayGo && !isPlain;
    return { id, path, kind: "checkpoint" as const, ...(isOther ? stays("not-ours", "it holds other files than a manifest") : verdict) };
  });
  const doomed = new Set(checkpoints.filter(({ mayGo }) => mayGo).map(({ id }) => id));
  const namedBy = new Map<string, number[]>();
  for (const [id, { files }] of manifests) {
    // A manifest must never outlive a file that it names, announced or not.
    if (!doomed.has(id)) for (const name of files) namedBy.set(name, [...(namedBy.get(name) ?? []), id]);
  }
  const isGone = (path: string): boolean => checkpoints.some((each) => each.mayGo && path.startsWith(`${each.path}/`));
  const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
  return [
    ...checkpoints.map(({ id: _, ...item }) => item),
    ...candidates.shared.map(({ name, kind }) => {
      const path = `shared/${name}`;
      if (kind !== "file") return { path, kind: "shared-file" as const, ...stays("not-ours", "not a regular file") };
      const isTemporary = temporaryGenerationOf(name) !== undefined;
      const itemKind = isTemporary ? ("temporary-file" as const) : ("shared-file" as const);
      return { path, kind: itemKind, ...planner.sharedFile(name, namedBy.get(name) ?? []) };
    }),
    ...candidates.temporary
      .filter((path) => !isGone(path))
      .map((path) => ({ path, kind: "temporary-file" as const, ...planner.temporaryFile(nameOf(path)) })),
    ...candidates.commits.map(({ name, kind }) => judgeCommit(planner, name, kind)),
  ];
}

function judgeCommit(planner: GarbagePlanner, name: string, kind: DirectoryEntry["kind"]): Omit<GarbageItem, "sizeBytes"> {
  const path = `commits/${name}`;
  const slot = slotOf(name);
  if (kind === "file" && slot !== undefined) return { path, kind: "commit-record", ...planner.commitRecord(slot) };
  if (kind === "file" && temporaryGenerationOf(name) !== undefined) return { path, kind: "temporary-file", ...planner.temporaryFile(name) };
  return { path, kind: "commit-record", ...stays("not-ours", "not a commit record") };
}

/** A link would lead deletions to another place. */
async function requireDirectory(fileSystem: FileSystem, path: string): Promise<void> {
  const status = await fileSystem.stat(path);
  if (status !== undefined && status.kind !== "directory") {
    throw new StateError("CHECKPOINT_UNSAFE_NAME", `${path} is not a directory: a link may lead anywhere and is not followed`, {
      details: { path },
    });
  }
}
