import { decodeFramedJson, encodeFramedJson, type DocumentFormat, type JsonObject } from "./framed-json.js";
import { JsonShape } from "./json-shape.js";

/** The format of commits/<slot>.json. */
export const commitFormat: DocumentFormat = { name: "tidemark-commit", version: 1, maxBytes: 64 * 1024, maxDepth: 2 };

/** What one slot of the commit log says. */
export type CommitRecord = FenceRecord | CheckpointRecord | SubsumeRecord | RollbackRecord;

interface CommonRecord {
  /** The coordinator that won the slot. */
  readonly generation: number;
  /** Slots below this one are no longer part of the log, whatever files there are. */
  readonly firstSlot: number;
  /** Checkpoints with lower ids are given up: nobody may restore from them, their files may be gone. */
  readonly oldestCheckpoint: number;
  /** Unique to the attempt, so that a writer can recognise its own record. */
  readonly nonce: string;
  /** Milliseconds since the epoch; for people, never for decisions. */
  readonly atMs?: number;
}

/** A new coordinator took over; records of lower generations cannot follow. */
export interface FenceRecord extends CommonRecord {
  readonly kind: "fence";
}

/** A checkpoint is complete. */
export interface CheckpointRecord extends CommonRecord {
  readonly kind: "checkpoint";
  readonly checkpoint: number;
  /** Of the whole manifest file, lower-case hex. */
  readonly manifestSha256: string;
}

/** `oldestCheckpoint` grew: older checkpoints are about to be deleted. */
export interface SubsumeRecord extends CommonRecord {
  readonly kind: "subsume";
}

/** Somebody decided to go on from an older checkpoint: those announced between it and this slot are given up. */
export interface RollbackRecord extends CommonRecord {
  readonly kind: "rollback";
  /** The checkpoint that stays the newest. */
  readonly checkpoint: number;
}

/** A record as the bytes of its file. */
export function encodeCommitRecord(record: CommitRecord): Uint8Array {
  return encodeFramedJson(commitFormat, checkRecord(new JsonShape("INTERNAL", "commit record"), record) as unknown as JsonObject);
}

/** Throws CHECKPOINT_DAMAGED or CHECKPOINT_VERSION; `source` is the file, for messages. */
export function decodeCommitRecord(bytes: Uint8Array, source: string): CommitRecord {
  return checkRecord(new JsonShape("CHECKPOINT_DAMAGED", source), decodeFramedJson(commitFormat, bytes, source));
}

function checkRecord(shape: JsonShape, value: unknown): CommitRecord {
  const body = shape.object(value, "$", [
    "generation", "kind", "firstSlot", "oldestCheckpoint", "nonce", "atMs?", "checkpoint?", "manifestSha256?",
  ]);
  const kind = shape.oneOf(body["kind"], "$.kind", ["fence", "checkpoint", "subsume", "rollback"]);
  const common = {
    generation: shape.integer(body["generation"], "$.generation", 1),
    firstSlot: shape.integer(body["firstSlot"], "$.firstSlot", 1),
    oldestCheckpoint: shape.integer(body["oldestCheckpoint"], "$.oldestCheckpoint", 1),
    nonce: shape.text(body["nonce"], "$.nonce", 64),
    ...(body["atMs"] === undefined ? {} : { atMs: shape.integer(body["atMs"], "$.atMs", 0) }),
  };
  const commonKeys = ["generation", "kind", "firstSlot", "oldestCheckpoint", "nonce", "atMs?"];
  if (kind === "fence" || kind === "subsume") {
    shape.object(value, "$", commonKeys);
    return { kind, ...common };
  }
  const checkpoint = shape.integer(body["checkpoint"], "$.checkpoint", 1);
  if (kind === "rollback") {
    shape.object(value, "$", [...commonKeys, "checkpoint"]);
    return { kind, ...common, checkpoint };
  }
  return { kind, ...common, checkpoint, manifestSha256: shape.sha256(body["manifestSha256"], "$.manifestSha256") };
}
