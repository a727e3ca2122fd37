import type { CompletedCheckpoint } from "./checkpoint-storage.js";
import type { CheckpointManifest, FileChain, OperatorState } from "./manifest.js";

/** The chains of all handles. */
export function chainsIn(operators: readonly OperatorState[]): FileChain[] {
  return operators.flatMap(({ subtasks }) => subtasks.flatMap(({ keyed }) => keyed?.chain ?? []));
}

/** Ids of all chains that a checkpoint goes on from, each once. */
export function chainsOf({ operators }: CheckpointManifest): string[] {
  return [...new Set(chainsIn(operators).map(({ id }) => id))];
}

/**
 * The index of the oldest checkpoint to keep: of the newest `retain` ones, or further back of the newest that needs none of the bases
 * under the newest checkpoint that were not read back yet. All checkpoints of a chain share its base, so without that one a
 * single bad block could spoil everything there is (rule 18).
 */
export async function firstKeptIndex(
  announced: readonly CompletedCheckpoint[],
  retain: number,
  isVerified: (chain: string) => boolean,
  manifestOf: (checkpoint: CompletedCheckpoint) => Promise<CheckpointManifest>,
): Promise<number> {
  const byCount = Math.max(0, announced.length - retain);
  const newest = announced.at(-1);
  if (byCount === 0 || newest === undefined) {
    return byCount;
  }
  const unverified = new Set(chainsOf(await manifestOf(newest)).filter((chain) => !isVerified(chain)));
  if (unverified.size === 0) {
    return byCount;
  }
  for (let index = announced.length - 2; index >= 0; index -= 1) {
    const chains = chainsOf(await manifestOf(announced[index] as CompletedCheckpoint));
    if (!chains.some((chain) => unverified.has(chain))) {
      return Math.min(byCount, index);
    }
  }
  return byCount;
}
