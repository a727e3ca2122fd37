import { StateError } from "../errors/index.js";
import type { Logger } from "../checkpoint/index.js";
import type {
  CheckpointLease,
  CheckpointManifest,
  CheckpointReader,
  CheckpointStorage,
  CompletedCheckpoint,
  FileReference,
} from "../storage/index.js";
import { inParallel } from "./in-parallel.js";
import type { PlacedFile } from "./restore.js";
import type { RestoreSettings } from "./restore-options.js";

/** Where a checkpoint to start from may come from. */
export interface RestoreSource {
  readonly job: string;
  readonly location: string;
  readonly reader: CheckpointReader;
  /** Whether it is the job's own directory. */
  readonly isOwn: boolean;
  /** Whether nobody else goes on from these checkpoints, so that going below the newest repeats effects. */
  readonly isExclusive: boolean;
  /** The newest there is. */
  readonly newest: CompletedCheckpoint;
  /** What to try, in this order: the one asked for, then older ones. */
  readonly candidates: readonly CompletedCheckpoint[];
  /** Runs `action` while the checkpoint cannot be deleted by the job that took it. */
  hold<T>(checkpoint: CompletedCheckpoint, action: () => Promise<T>): Promise<T>;
  /** Makes a checkpoint's files the job's own; names in `unverified` that were copied, and so read, are taken out of it. */
  place(manifest: CheckpointManifest, unverified: Set<string>, signal: AbortSignal): Promise<ReadonlyMap<string, PlacedFile>>;
}

export interface SourceParts {
  readonly job: string;
  readonly lease: CheckpointLease;
  readonly storage: CheckpointStorage;
  readonly storageAt: (directory: string) => CheckpointStorage;
  readonly restore: RestoreSettings;
  readonly logger: Logger;
}

/** Throws when a checkpoint is none that the job can start from. */
export type FitCheck = (checkpoint: CompletedCheckpoint, manifest: CheckpointManifest) => void;

const placedTogether = 4;

/** The source that the options name; undefined when the job starts from nothing. Throws CHECKPOINT_NOT_FOUND, and what acquire() does. */
export async function restoreSource(parts: SourceParts, requireFits: FitCheck): Promise<RestoreSource | undefined> {
  const { job, lease, storage, restore, logger } = parts;
  const own = await lease.list();
  const { from } = restore;
  if (typeof from !== "object") return ownSource(parts, own, from);
  const other = parts.storageAt(from.directory);
  const otherJob = from.job ?? job;
  if (other.location === storage.location && otherJob === job) return ownSource(parts, own, from.checkpoint);
  const newest = own.at(-1);
  if (newest !== undefined) {
    logger.info({ checkpoint: newest.id }, `The job has checkpoints of its own; it goes on from them, not from ${other.location}`);
    return ownSource(parts, own, undefined);
  }
  return await foreignSource(parts, other, otherJob, from.checkpoint, requireFits);
}

function ownSource(
  { job, lease, storage }: SourceParts,
  own: readonly CompletedCheckpoint[],
  wanted: number | undefined,
): RestoreSource | undefined {
  const newest = own.at(-1);
  if (newest === undefined && wanted === undefined) return undefined;
  return {
    job,
    location: storage.location,
    reader: lease,
    isOwn: true,
    isExclusive: true,
    ...candidatesFrom(own, wanted, `job "${job}" in ${storage.location}`),
    hold: (_, action) => action(),
    place: async ({ files }) => new Map(files.map((reference) => [reference.name, { reference, path: lease.pathOf(reference) }])),
  };
}

async function foreignSource(
  parts: SourceParts,
  other: CheckpointStorage,
  job: string,
  wanted: number | undefined,
  requireFits: FitCheck,
): Promise<RestoreSource> {
  const { lease, storage, restore, logger } = parts;
  const isClaimed = restore.mode === "claim";
  const where = `job "${job}" in ${other.location}`;
  const looking = other.reader(job);
  // Looked at first: claiming ends the job there, which would be for nothing, and makes a directory for one that never was.
  const [first] = candidatesFrom(await looking.list(), wanted, where).candidates;
  if (isClaimed && first !== undefined) requireFits(first, await looking.readManifest(first));
  const reader = isClaimed ? await other.acquire(job) : looking;
  const owner = { job: parts.job, location: storage.location, generation: lease.generation };
  return {
    job,
    location: other.location,
    reader,
    isOwn: false,
    isExclusive: isClaimed,
    ...candidatesFrom(await reader.list(), wanted, where),
    hold: async (checkpoint, action) => {
      if (isClaimed) return await action();
      const pin = await other.pin(job, checkpoint, owner).catch((error: unknown) => {
        // A directory that cannot be written: a file that vanishes meanwhile is then noticed where it is linked or copied.
        if (error instanceof StateError && error.code === "DIRECTORY_NOT_WRITABLE") return undefined;
        throw error;
      });
      try {
        return await action();
      } finally {
        await pin?.release().catch((error: unknown) => {
          logger.warn({ error }, `A pin stays in ${other.location}; it holds checkpoint ${checkpoint.id} there until it is removed`);
        });
      }
    },
    place: (manifest, unverified, signal) => importFiles(lease, reader, manifest, unverified, signal),
  };
}

function candidatesFrom(
  announced: readonly CompletedCheckpoint[],
  wanted: number | undefined,
  where: string,
): Pick<RestoreSource, "newest" | "candidates"> {
  const newest = announced.at(-1);
  const ids = announced.map(({ id }) => id);
  if (newest === undefined || (wanted !== undefined && !ids.includes(wanted))) {
    const there = newest === undefined ? "it has none" : `there are ${ids.join(", ")}`;
    throw new StateError(
      "CHECKPOINT_NOT_FOUND",
      `${wanted === undefined ? "no checkpoint" : `checkpoint ${wanted} is not one`} of ${where} to restore from: ${there}`,
      { details: { checkpoint: wanted } },
    );
  }
  const candidates = wanted === undefined ? [...announced] : announced.filter(({ id }) => id <= wanted);
  return { newest, candidates: candidates.reverse() };
}

/** Links or copies all files before the first record: from then on the other job may do what it wants (rule 17). */
async function importFiles(
  lease: CheckpointLease,
  source: CheckpointReader,
  manifest: CheckpointManifest,
  unverified: Set<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, PlacedFile>> {
  const placed = new Map<string, PlacedFile>();
  // Lists of bases speak of the source's names; this job writes its own.
  const lists = new Set(manifest.baseLists?.map(({ file }) => file));
  const files = manifest.files.filter(({ name }) => !lists.has(name));
  const numbered = files.map((file, index) => [file, index] as const);
  await inParallel(numbered, placedTogether, signal, async ([file, index], both) => {
    const { reference, isLinked } = await lease.importFile(source.pathOf(file), nameOf(lease, manifest, file, index), file, both);
    placed.set(file.name, { reference, path: lease.pathOf(reference) });
    if (!isLinked) unverified.delete(file.name);
  });
  // In the manifest's order, whoever was first.
  return new Map(files.map(({ name }) => [name, placed.get(name) as PlacedFile]));
}

/** A name of this lease's own (rule 13): the source's may be taken here, and is written once there. The end tells people the kind. */
function nameOf({ generation }: CheckpointLease, { checkpoint }: CheckpointManifest, { name }: FileReference, index: number): string {
  const kind = /\.[A-Za-z0-9]{1,10}$/.exec(name)?.[0] ?? "";
  return `${generation}-restored-${checkpoint}-${String(index).padStart(6, "0")}${kind}`;
}
