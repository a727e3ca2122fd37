import { StateError } from "../../errors/index.js";
import type { Json } from "../../storage/index.js";
import type { KeyedDescription } from "./keyed-description.js";

/**
 * A savepoint file, drawn in docs/formats/savepoint.md: `magic (8) | version (4) | header length (4) | CRC-32 (4) | header`, then the
 * entries as an entry file. Integers are little endian. The CRC-32 is that of version, header length and header, and stays where it is in
 * all versions, so that a damaged version is not taken for another one.
 */
export const savepointMagic = Uint8Array.from(Buffer.from("TIDESAVE", "latin1"));
export const savepointVersion = 1;
export const frameBytes = savepointMagic.length + 12;
/** The same as for a checkpoint's manifest, where descriptions of keyed state are otherwise. */
export const headerMaxBytes = 64 * 1024 * 1024;

/** The backend name in handles of savepoints. */
export const savepointBackend = "savepoint";

/** Whose state a savepoint file holds, and what its bytes mean. */
export interface SavepointHeader extends KeyedDescription {
  readonly operator: string;
  readonly subtask: number;
  /** Inclusive. */
  readonly keyGroups: readonly [first: number, last: number];
}

export function savepointDamaged(path: string, what: string): StateError {
  const message = `${path} is damaged: ${what}; restore another savepoint or checkpoint`;
  return new StateError("CHECKPOINT_FILE_DAMAGED", message, { details: { path } });
}

/** Throws CHECKPOINT_FILE_DAMAGED unless `value` is a header. What keys and states mean is checked where they are used. */
export function parseHeader(value: unknown, path: string): SavepointHeader {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw savepointDamaged(path, "its header is not an object");
  const { operator, subtask, keyGroups, maxParallelism, keys, states } = value as { readonly [key: string]: Json };
  if (typeof operator !== "string") throw savepointDamaged(path, "its header names no operator");
  if (!isCount(subtask) || !isCount(maxParallelism)) throw savepointDamaged(path, "its header lacks a subtask or max parallelism");
  const [first, last] = Array.isArray(keyGroups) && keyGroups.length === 2 ? (keyGroups as Json[]) : [];
  if (!isCount(first) || !isCount(last) || first > last || last >= maxParallelism) {
    throw savepointDamaged(path, "its key groups are no range");
  }
  if (keys === undefined || states === undefined) throw savepointDamaged(path, "its header does not describe keys and states");
  return { operator, subtask, keyGroups: [first, last], maxParallelism, keys, states };
}

function isCount(value: Json | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Levels that JSON may nest, so that no later step runs out of stack; manifests have the same limit. */
const depthMax = 64;

/** Whether the brackets of a JSON text nest within the limit; does without recursion. */
export function isShallow(text: string): boolean {
  let depth = 0;
  let isInString = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (isInString && character === "\\") index += 1;
    else if (character === '"') isInString = !isInString;
    else if (!isInString && (character === "{" || character === "[")) depth += 1;
    else if (!isInString && (character === "}" || character === "]")) depth -= 1;
    if (depth > depthMax) return false;
  }
  return true;
}
