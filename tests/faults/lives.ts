import type { CompletedCheckpoint, SubsumeReport } from "@tidemark/core/storage";
import { type LifePlace, StateLife } from "./state-life.js";

/** Hears what a coordinator was told to be done. */
export interface Witness {
  announced(checkpoint: CompletedCheckpoint): void;
  subsumed(report: SubsumeReport): void;
}

const stepsBetween = 60;

/**
 * Three lives of a job with 1, 2 and 1 subtasks, with checkpoints, new bases, an aborted checkpoint and deletions: what the fault tests
 * break off. The last does not end its lease.
 */
export async function lives(place: LifePlace, witness: Witness): Promise<void> {
  for (const [parallelism, checkpoints] of [[1, 5], [2, 2], [1, 3]] as const) await oneLife(place, witness, parallelism, checkpoints);
}

/** Restores, then takes checkpoints with changes before and during each. */
export async function oneLife(place: LifePlace, witness: Witness, parallelism: number, checkpoints: number): Promise<void> {
  const life = await StateLife.begin(place, { parallelism });
  try {
    for (let count = 1; count <= checkpoints; count += 1) {
      life.apply(stepsBetween);
      if (count === 2) await life.abortedCheckpoint();
      const completed = await life.checkpoint(() => life.apply(stepsBetween / 2));
      witness.announced(completed);
      witness.subsumed(await life.subsume(completed));
    }
  } finally {
    await life.close();
  }
}
