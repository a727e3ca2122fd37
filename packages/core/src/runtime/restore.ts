import { StateError } from "../errors/index.js";
import type { RestoredState } from "../state/index.js";
import type { CheckpointLease, CheckpointManifest, CompletedCheckpoint, FileReference, Json, SubtaskState } from "../storage/index.js";

/** A checkpoint as a job starts from it: every file it names is there and whole. */
export interface JobRestore {
  readonly checkpoint: CompletedCheckpoint;
  readonly manifest: CheckpointManifest;
  readonly connectorOf: (operator: string) => Json | undefined;
  readonly keyedOf: (operator: string) => RestoredState | undefined;
}

/** Reads and checks the checkpoint that a lease restores from. Undefined when the job starts from nothing. */
export async function loadRestore(
  lease: CheckpointLease,
  operatorIds: ReadonlySet<string>,
  maxParallelism: number,
  signal: AbortSignal,
): Promise<JobRestore | undefined> {
  const checkpoint = lease.restorePoint;
  if (checkpoint === undefined) return undefined;
  const manifest = await lease.readManifest(checkpoint);
  if (manifest.maxParallelism !== maxParallelism) {
    throw new StateError(
      "MAX_PARALLELISM_MISMATCH",
      `checkpoint ${checkpoint.id} was taken with maxParallelism ${manifest.maxParallelism} and the job has ${maxParallelism}; ` +
        "it is fixed for the life of a job",
    );
  }
  refuseUnknownOperators(manifest, operatorIds);
  for (const file of manifest.files) await lease.verifyFile(file, "checksums", signal);
  const files = new Map<string, FileReference>(manifest.files.map((file) => [file.name, file]));
  const file = (name: string): { reference: FileReference; path: string } => {
    const reference = files.get(name);
    if (reference === undefined)
      throw new StateError(
        "CHECKPOINT_DAMAGED",
        `checkpoint ${checkpoint.id} needs file ${name} but does not list it; restore another checkpoint`,
      );
    return { reference, path: lease.pathOf(reference) };
  };
  const subtasksOf = (operator: string): readonly SubtaskState[] => manifest.operators.find(({ id }) => id === operator)?.subtasks ?? [];
  return {
    checkpoint,
    manifest,
    connectorOf: (operator) => subtasksOf(operator)[0]?.connector,
    keyedOf: (operator) => {
      const handles = subtasksOf(operator).flatMap((subtask) => subtask.keyed ?? []);
      return handles.length === 0 ? undefined : { handles, file };
    },
  };
}

/** State that no operator takes would be lost with the next checkpoint. */
function refuseUnknownOperators(manifest: CheckpointManifest, operatorIds: ReadonlySet<string>): void {
  for (const { id } of manifest.operators) {
    if (!operatorIds.has(id)) {
      throw new StateError(
        "STATE_NOT_RESTORED",
        `checkpoint ${manifest.checkpoint} holds state of operator "${id}", which the job does not have; ` +
          "restore the operator or its name, or use another checkpoint directory",
        { details: { operator: id } },
      );
    }
  }
}
