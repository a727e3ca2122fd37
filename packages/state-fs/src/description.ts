import { type KeyedDescription, StateError } from "@tidemark/core/state";
import type { KeyedStateHandle } from "@tidemark/core/storage";

/** A segment in a checkpoint. */
export interface DescribedSegment {
  readonly file: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** What a handle's description says: the log's place at the barrier, and the files that lead there, in order. */
export interface FsDescription extends KeyedDescription {
  readonly log: string;
  readonly seq: number;
  /** All of the state up to some change; null: the segments begin with the first one. */
  readonly base: { readonly file: string; readonly seq: number } | null;
  readonly segments: readonly DescribedSegment[];
}

/** The description of a handle of this backend. Throws BACKEND_MISMATCH, CHECKPOINT_DAMAGED unless its segments follow each other. */
export function describedBy(handle: KeyedStateHandle): FsDescription {
  if (handle.backend !== "fs") {
    throw new StateError(
      "BACKEND_MISMATCH",
      `the checkpoint was taken with the ${handle.backend} backend and cannot be read by fs; run the job with ${handle.backend}, ` +
        "or take a savepoint there and start from that",
    );
  }
  const description = handle.description as unknown as Partial<FsDescription> | null;
  if (description === null || typeof description !== "object") throw damagedCheckpoint("a description is missing");
  const { log, seq, base, segments } = description;
  if (typeof log !== "string" || !isCount(seq)) throw damagedCheckpoint("a log position is missing");
  if (!Array.isArray(segments)) throw damagedCheckpoint("a list of segments is missing");
  if (base !== null && (typeof base?.file !== "string" || !isCount(base.seq))) throw damagedCheckpoint("a base is malformed");
  let next = (base?.seq ?? 0) + 1;
  for (const { file, firstSeq, lastSeq } of segments as readonly DescribedSegment[]) {
    if (typeof file !== "string" || firstSeq !== next || !isCount(lastSeq) || lastSeq < firstSeq) {
      throw damagedCheckpoint(`the segment ${String(file)} does not begin with change ${next}`);
    }
    next = lastSeq + 1;
  }
  if (next !== seq + 1) throw damagedCheckpoint(`its segments end with change ${next - 1} instead of ${seq}`);
  return description as FsDescription;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function damagedCheckpoint(what: string): StateError {
  return new StateError("CHECKPOINT_DAMAGED", `the keyed state in the checkpoint cannot be restored: ${what}; restore another checkpoint`);
}
