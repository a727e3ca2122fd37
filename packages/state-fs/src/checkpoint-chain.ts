import { join } from "node:path";
import { type KeyedStateContext, StateError } from "@tidemark/core/state";
import type { FileReference, SnapshotFiles } from "@tidemark/core/storage";
import type { DescribedSegment, FsDescription } from "./description.js";
import type { RestoredChain } from "./fs-restore.js";
import type { ClosedSegment } from "./log/change-log.js";
import type { BaseFile } from "./materialisation.js";

/** A file of the chain: in this attempt's directory, or in the checkpoint that it was restored from. */
export type ChainFile =
  | { readonly lastSeq: number; readonly sizeBytes: number; readonly name: string }
  | { readonly lastSeq: number; readonly reference: FileReference };

export type ChainSegment = ChainFile & { readonly firstSeq: number };

/** The files that hold the state up to some change: a base, and the segments behind it. */
export interface Chain {
  readonly base: ChainFile | undefined;
  readonly segments: readonly ChainSegment[];
}

export function localBase({ seq, name, sizeBytes }: BaseFile): ChainFile {
  return { lastSeq: seq, name, sizeBytes };
}

/** Segments without a change hold nothing for a checkpoint. */
export function localSegments(segments: readonly ClosedSegment[]): ChainSegment[] {
  return segments.filter(({ firstSeq, lastSeq }) => lastSeq >= firstSeq);
}

export function restoredChain(chain: RestoredChain): Chain {
  const { base, segments } = chain;
  return { base: base === undefined ? undefined : { lastSeq: base.seq, reference: base.reference }, segments };
}

export function fileSizeBytes(file: ChainFile): number {
  return "reference" in file ? file.reference.sizeBytes : file.sizeBytes;
}

type Whose = Pick<KeyedStateContext<never>, "operator" | "subtask">;

/**
 * Puts the files of a chain that no checkpoint has yet into one, and describes it. A file that an aborted checkpoint has put there
 * already is not written again (rule 11).
 */
export class ChainUpload {
  readonly #context: Whose;
  readonly #directory: string;
  readonly #log: string;

  constructor(context: Whose, directory: string, log: string) {
    this.#context = context;
    this.#directory = directory;
    this.#log = log;
  }

  async add(
    chain: Chain,
    seq: number,
    files: SnapshotFiles,
    signal: AbortSignal,
  ): Promise<{ readonly references: FileReference[]; readonly described: Omit<FsDescription, "keys" | "maxParallelism" | "states"> }> {
    requireContiguous(chain, seq);
    const references: FileReference[] = [];
    const add = async (file: ChainFile): Promise<string> => {
      signal.throwIfAborted();
      const reference = "reference" in file ? file.reference : await this.#addFile(file.name, files, signal);
      references.push(reference);
      return reference.name;
    };
    const base = chain.base === undefined ? null : { file: await add(chain.base), seq: chain.base.lastSeq };
    const segments: DescribedSegment[] = [];
    for (const segment of chain.segments) segments.push({ file: await add(segment), firstSeq: segment.firstSeq, lastSeq: segment.lastSeq });
    return { references, described: { log: this.#log, seq, base, segments } };
  }

  /** Names are written once (rule 13): they carry generation, subtask, log and the local name. */
  #addFile(name: string, files: SnapshotFiles, signal: AbortSignal): Promise<FileReference> {
    const { operator, subtask } = this.#context;
    const shortened = name.replace(/^0+(?=\d)/, "");
    return files.addFile(join(this.#directory, name), `${files.generation}-${operator}-${subtask}-${this.#log}-${shortened}`, signal);
  }
}

function requireContiguous({ base, segments }: Chain, seq: number): void {
  let next = (base?.lastSeq ?? 0) + 1;
  for (const { firstSeq, lastSeq } of segments) {
    if (firstSeq !== next) throw new StateError("INTERNAL", `a segment begins with change ${firstSeq} instead of ${next}`);
    next = lastSeq + 1;
  }
  if (next !== seq + 1) throw new StateError("INTERNAL", `the log of a checkpoint ends with change ${next - 1} instead of ${seq}`);
}
