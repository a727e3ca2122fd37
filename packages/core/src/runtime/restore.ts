import { isStateError, StateError } from "../errors/index.js";
import type { FindElsewhere, RestoredState } from "../state/index.js";
import {
  type CheckpointManifest,
  type CompletedCheckpoint,
  type FileReference,
  type FileSystem,
  isLinkImpossible,
  type Json,
  type OperatorStateIds,
  type SubtaskState,
} from "../storage/index.js";

/** How a life of a job began. */
export interface RestoreReport {
  /** The checkpoint's id. */
  readonly checkpoint: number;
  /** The directory of checkpoints it is from. */
  readonly location: string;
  readonly job: string;
  /** The newest one, when that was damaged and this older one was taken instead. */
  readonly fellBackFrom: number | undefined;
  /** What was checked before the first record. */
  readonly verified: "checksums" | "sizes";
}

/** A file of the checkpoint and where it is. */
export interface PlacedFile {
  readonly reference: FileReference;
  readonly path: string;
}

/** A checkpoint as a job starts from it: every file that it names is there, in the job's own directory. */
export interface JobRestore {
  readonly report: RestoreReport;
  readonly checkpoint: CompletedCheckpoint;
  readonly manifest: CheckpointManifest;
  /** Its files as this job's later checkpoints name them. */
  readonly files: readonly FileReference[];
  /** Those of which only the size was checked so far. */
  readonly unverified: () => readonly FileReference[];
  /** Whether it is one of the job's own. */
  readonly isOwn: boolean;
  readonly connectorOf: (operator: string) => Json | undefined;
  readonly keyedOf: (operator: string) => RestoredState | undefined;
  readonly stateIdsOf: (operator: string) => OperatorStateIds | undefined;
}

export interface RestoreParts {
  readonly report: RestoreReport;
  readonly checkpoint: CompletedCheckpoint;
  readonly manifest: CheckpointManifest;
  readonly isOwn: boolean;
  /** By the name that the manifest uses. */
  readonly placed: ReadonlyMap<string, PlacedFile>;
  /** Names, as the manifest has them, of files of which only the size was checked. */
  readonly unverified: ReadonlySet<string>;
  readonly fileSystem: FileSystem;
}

/** Looks into a checkpoint whose files are in place. */
export function jobRestore(parts: RestoreParts): JobRestore {
  const { report, checkpoint, manifest, placed, isOwn } = parts;
  const unverified = new Set(parts.unverified);
  const file = (name: string): PlacedFile => {
    const found = placed.get(name);
    if (found === undefined)
      throw new StateError(
        "CHECKPOINT_DAMAGED",
        `checkpoint ${checkpoint.id} needs file ${name} but does not list it; restore another checkpoint`,
      );
    return found;
  };
  const place: NonNullable<RestoredState["place"]> = async (name, to, signal, elsewhere) => {
    const { fileSystem } = parts;
    const placedFile = file(name);
    if (await isLinked(fileSystem, placedFile.path, to)) return "linked";
    // The checkpoint's own file stays unverified then: later checkpoints name it, not the one that was found.
    if (elsewhere !== undefined && (await isFound(fileSystem, placedFile.reference, to, elsewhere, signal))) return "found";
    await copyWhole(fileSystem, placedFile, to, signal);
    unverified.delete(name);
    return "copied";
  };
  const operatorOf = (operator: string): CheckpointManifest["operators"][number] | undefined =>
    manifest.operators.find(({ id }) => id === operator);
  const subtasksOf = (operator: string): readonly SubtaskState[] => operatorOf(operator)?.subtasks ?? [];
  return {
    report,
    checkpoint,
    manifest,
    isOwn,
    files: [...placed.values()].map(({ reference }) => reference),
    unverified: () => [...unverified].map((name) => file(name).reference),
    connectorOf: (operator) => subtasksOf(operator)[0]?.connector,
    keyedOf: (operator) => {
      const handles = subtasksOf(operator).flatMap((subtask) => subtask.keyed ?? []);
      return handles.length === 0 ? undefined : { handles, file, place };
    },
    stateIdsOf: (operator) => operatorOf(operator)?.stateIds,
  };
}

async function isLinked(fileSystem: FileSystem, from: string, to: string): Promise<boolean> {
  if (!fileSystem.capabilities.hardLinks) return false;
  try {
    await fileSystem.link(from, to);
    return true;
  } catch (error) {
    if (isLinkImpossible(error)) return false;
    throw error;
  }
}

/** Whether one of the files that may be the same is, and is now at `to`. It is linked first, so that what is read is what is used. */
async function isFound(
  fileSystem: FileSystem,
  reference: FileReference,
  to: string,
  elsewhere: FindElsewhere,
  signal?: AbortSignal,
): Promise<boolean> {
  if (!fileSystem.capabilities.hardLinks) return false;
  for (const path of await elsewhere(reference)) {
    try {
      await fileSystem.link(path, to);
    } catch {
      // It is gone meanwhile, or cannot be linked either. A real problem with `to` comes up again when the checkpoint is copied.
      continue;
    }
    if (await isWhole(fileSystem, reference, to, signal)) return true;
    await fileSystem.removeFile(to);
  }
  return false;
}

/** False also where the file cannot be read: the checkpoint has it too. */
async function isWhole(fileSystem: FileSystem, { sizeBytes, sha256 }: FileReference, path: string, signal?: AbortSignal): Promise<boolean> {
  try {
    const status = await fileSystem.stat(path);
    if (status?.kind !== "file" || status.sizeBytes !== sizeBytes) return false;
    return (await fileSystem.sha256(path, signal)) === sha256;
  } catch (error) {
    signal?.throwIfAborted();
    if (isStateError(error)) return false;
    throw error;
  }
}

async function copyWhole(fileSystem: FileSystem, { reference, path }: PlacedFile, copy: string, signal?: AbortSignal): Promise<void> {
  if ((await fileSystem.copyHashed(path, copy, signal)) === reference.sha256) return;
  await fileSystem.removeFile(copy);
  throw new StateError(
    "CHECKPOINT_FILE_DAMAGED",
    `${path} has another SHA-256 than the checkpoint says: restore it from a copy or use another checkpoint`,
    { details: { name: reference.name, path } },
  );
}
