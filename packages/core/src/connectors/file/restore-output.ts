import { createHash, type Hash } from "node:crypto";
import { StateError } from "../../errors/index.js";
import type { FileSystem, Json } from "../../storage/index.js";
import type { OutputMark } from "./output-lines.js";

const readBytes = 1_048_576;

/** What was found on disk for a restored mark. */
export interface RestoredOutput {
  readonly mark: OutputMark;
  /** Has seen exactly the bytes of the mark. */
  readonly hash: Hash;
  /** The file that holds those bytes: the unfinished one, or the published one when a crash came after the rename. */
  readonly holder: "unfinished" | "published";
  /** Whether the holder ends exactly at the mark. */
  readonly endsAtMark: boolean;
}

/** Throws CHECKPOINT_DAMAGED for JSON that no file sink wrote. */
export function markFromJson(json: Json, path: string): OutputMark {
  const fields = typeof json === "object" && json !== null && !Array.isArray(json) ? (json as { lengthBytes?: Json; sha256?: Json }) : {};
  const { lengthBytes, sha256 } = fields;
  const isLength = typeof lengthBytes === "number" && Number.isSafeInteger(lengthBytes) && lengthBytes >= 0;
  if (!isLength || typeof sha256 !== "string" || !/^[0-9a-f]{64}$/u.test(sha256)) {
    throw new StateError(
      "CHECKPOINT_DAMAGED",
      `The stored state of the file sink of ${path} is none: ${JSON.stringify(json)}; restore an earlier checkpoint`,
    );
  }
  return { lengthBytes, sha256 };
}

/**
 * Finds the file that begins with what the mark describes, without changing anything. Throws CHECKPOINT_FILE_MISSING or
 * CHECKPOINT_FILE_DAMAGED when there is none.
 */
export async function findOutput(fileSystem: FileSystem, mark: OutputMark, unfinishedPath: string, path: string): Promise<RestoredOutput> {
  const problems: string[] = [];
  let isMissing = true;
  for (const holder of ["unfinished", "published"] as const) {
    const candidate = holder === "unfinished" ? unfinishedPath : path;
    const status = await fileSystem.stat(candidate);
    if (status === undefined) continue;
    isMissing = false;
    if (status.sizeBytes < mark.lengthBytes) {
      problems.push(`${candidate} has ${status.sizeBytes} bytes`);
      continue;
    }
    const hash = await hashPrefix(fileSystem, candidate, mark.lengthBytes);
    if (hash.copy().digest("hex") === mark.sha256) return { mark, hash, holder, endsAtMark: status.sizeBytes === mark.lengthBytes };
    problems.push(`the first ${mark.lengthBytes} bytes of ${candidate} are not those that were written`);
  }
  const advice = `restore an earlier checkpoint, put the file back, or start the job anew`;
  if (isMissing) {
    throw new StateError(
      "CHECKPOINT_FILE_MISSING",
      `The checkpoint needs ${mark.lengthBytes} bytes of ${unfinishedPath}, which is gone; ${advice}`,
    );
  }
  throw new StateError(
    "CHECKPOINT_FILE_DAMAGED",
    `The checkpoint needs ${mark.lengthBytes} bytes of output, but ${problems.join(" and ")}; ${advice}`,
  );
}

async function hashPrefix(fileSystem: FileSystem, path: string, lengthBytes: number): Promise<Hash> {
  const hash = createHash("sha256");
  const file = await fileSystem.openForRead(path);
  try {
    let offset = 0;
    while (offset < lengthBytes) {
      const bytes = await file.read(offset, Math.min(readBytes, lengthBytes - offset));
      if (bytes.length === 0) break;
      hash.update(bytes);
      offset += bytes.length;
    }
    return hash;
  } finally {
    await file.close();
  }
}
