import { join } from "node:path";
import type { Database, MergeInput } from "@tidemark/rocksdb";
import { isSavepoint, type KeyedStateContext } from "@tidemark/core/state";
import { bytesOf, type ChainTable, type CheckpointChain, type DeltaRun, type RebasePolicy } from "./checkpoint-chain.js";
import { translated } from "./errors.js";
import { placeRestoredFile } from "./restored-file.js";
import { runsBound, runsToMerge } from "./runs-to-merge.js";
import type { WorkingDirectory } from "./working-directory.js";

/** Merged tables are cut so that they can be uploaded little by little: at this many times what the last checkpoint added. */
const filePerDelta = 2;
const smallestFileBytes = 16 * 1024;
const largestFileBytes = 16 * 1024 * 1024;
/** ... but so that the deltas of a chain are not many more files than this: each takes about 1 KiB in every manifest. */
const filesOfChain = 256;
/** Part of the bound of runs at which a new base is soon enough. */
const nearPart = 0.9;
/** After so many checkpoints a merge that failed is tried again; twice as many each time it fails again. */
const firstRetry = 4;
const lastRetry = 256;

export interface MergeParts<K> {
  readonly context: KeyedStateContext<K>;
  readonly database: Database;
  readonly columnFamily: number;
  readonly chain: CheckpointChain;
  readonly working: WorkingDirectory;
  readonly policy: RebasePolicy;
}

/** Runs that are being merged, and what becomes of them. */
export interface DeltaMerge {
  readonly inputs: readonly ChainTable[];
  /** How many runs become one. */
  readonly runs: number;
  /** The newest layer whose changes it holds: it is part of checkpoints from there on. */
  readonly layer: number;
  readonly merges: number;
  /** Begins the names of its files. */
  readonly prefix: string;
  /** Undefined until it is written. They go to the checkpoint directory little by little. */
  outputs: readonly ChainTable[] | undefined;
}

/** Merges since the backend was opened. */
export interface MergeCounters {
  /** Merges that took the place of what they were merged from. */
  readonly done: number;
  /** Runs that they were merged from. */
  readonly mergedRuns: number;
  /** Merges that could not be written, as where a disk was full; they are tried again. */
  readonly failed: number;
}

/** Bytes of a merge that are not in the checkpoint directory yet. */
export function leftBytes({ outputs = [] }: DeltaMerge): number {
  return bytesOf(outputs.filter(({ reference }) => reference === undefined));
}

/**
 * Merges old runs of deltas into fewer, while checkpoints go on. A merge that fails costs nothing but its work: its inputs stay
 * part of the chain.
 */
export class DeltaMerges<K> {
  readonly #parts: MergeParts<K>;
  #underWay: DeltaMerge[] = [];
  /** Merges are written one after the other. */
  #writing: Promise<void> = Promise.resolve();
  #begun = 0;
  #isClosed = false;
  /** Checkpoints to wait after a failure, and how many that were the last time. */
  #wait = 0;
  #lastWait = 0;
  /** Manifest names of restored files, by the names they have now. */
  #restoredNames: ReadonlyMap<string, string> | undefined;
  readonly #counters = { done: 0, mergedRuns: 0, failed: 0 };

  constructor(parts: MergeParts<K>) {
    this.#parts = parts;
  }

  counters(): MergeCounters {
    return { ...this.#counters };
  }

  /** Merges that are written but not in the checkpoint directory as a whole, the one that needs the fewest bytes first. */
  get written(): readonly DeltaMerge[] {
    const written = this.#underWay.filter(({ outputs }) => outputs !== undefined);
    return written.sort((left, right) => leftBytes(left) - leftBytes(right));
  }

  /**
   * Begins what is due. All changes up to `layer` must be in the checkpoint directory. Deltas up to `baseLayer`, of a base that is on its
   * way, are not merged with later ones, because it will take the place of the former only.
   */
  begin(layer: number, baseLayer: number | undefined, addedBytes: number): void {
    if (this.#wait > 0) this.#wait -= 1;
    if (this.#isClosed || this.#wait > 0) return;
    const { chain, policy } = this.#parts;
    const runs = chain.runs().filter((run) => run.layer <= layer);
    if (this.#isBaseNear(runs.length)) return;
    for (;;) {
      const mergeOf = ({ tables }: DeltaRun): DeltaMerge | undefined =>
        this.#underWay.find(({ inputs }) => inputs.includes(tables[0] as ChainTable));
      const range = runsToMerge(
        runs.map((run) => {
          const merge = mergeOf(run);
          const side = baseLayer !== undefined && run.layer > baseLayer ? 1 : 0;
          return { merges: run.merges, merge: merge === undefined ? undefined : this.#underWay.indexOf(merge), side };
        }),
        policy.deltasMax,
      );
      if (range === undefined) return;
      this.#start(runs.slice(range.start, range.end), addedBytes);
    }
  }

  /** The merge is part of the chain now, or no longer needed. */
  async end(merge: DeltaMerge): Promise<void> {
    this.#underWay = this.#underWay.filter((other) => other !== merge);
    const outputs = merge.outputs ?? [];
    const isInUse = outputs.length > 0 && this.#parts.chain.hasDeltas(outputs);
    if (isInUse) {
      this.#counters.done += 1;
      this.#counters.mergedRuns += merge.runs;
    }
    for (const { path } of isInUse ? [] : outputs) {
      if (path !== undefined) await this.#parts.context.fileSystem.removeFile(path).catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#parts.database.cancelMerges();
    await this.#writing;
  }

  /** Whether a new base will be begun for the bytes of the deltas before there are too many of them: merging is work for nothing then. */
  #isBaseNear(runs: number): boolean {
    const { chain, policy } = this.#parts;
    const runsAtBase = (runs * policy.deltaRatio * bytesOf(chain.base)) / bytesOf(chain.deltasAt(Infinity));
    return runsAtBase < runsBound(policy.deltasMax) * nearPart;
  }

  #start(runs: readonly DeltaRun[], addedBytes: number): void {
    this.#begun += 1;
    const merge: DeltaMerge = {
      inputs: runs.flatMap(({ tables }) => tables),
      runs: runs.length,
      layer: Math.max(...runs.map(({ layer }) => layer)),
      merges: 1 + Math.max(...runs.map(({ merges }) => merges)),
      prefix: `merged-${this.#begun}`,
      outputs: undefined,
    };
    this.#underWay.push(merge);
    const deltaBytes = bytesOf(this.#parts.chain.deltasAt(Infinity));
    const wanted = Math.max(smallestFileBytes, filePerDelta * addedBytes, deltaBytes / filesOfChain);
    const targetFileBytes = Math.floor(Math.min(wanted, largestFileBytes));
    this.#writing = this.#writing.then(() => this.#write(merge, targetFileBytes));
  }

  async #write(merge: DeltaMerge, targetFileBytes: number): Promise<void> {
    const { context, working } = this.#parts;
    const staging = join(working.staging, merge.prefix);
    try {
      if (this.#isClosed || !this.#parts.chain.hasDeltas(merge.inputs)) {
        await this.end(merge);
        return;
      }
      merge.outputs = await this.#merged(merge, staging, targetFileBytes);
      this.#lastWait = 0;
    } catch {
      if (!this.#isClosed) this.#counters.failed += 1;
      // What was to be merged stays as it is; reads after a restore are slower for it, no more.
      this.#underWay = this.#underWay.filter((other) => other !== merge);
      this.#lastWait = Math.min(lastRetry, Math.max(firstRetry, this.#lastWait * 2));
      this.#wait = this.#lastWait;
    } finally {
      await context.fileSystem.removeDirectory(staging).catch(() => undefined);
    }
  }

  async #merged(merge: DeltaMerge, staging: string, targetFileBytes: number): Promise<ChainTable[]> {
    const { context, database, columnFamily, working } = this.#parts;
    await context.fileSystem.makeDirectory(staging);
    const inputs: MergeInput[] = [];
    for (const [index, { table, path, reference, sizeBytes }] of merge.inputs.entries()) {
      const from = path ?? join(staging, `${index}.sst`);
      if (path === undefined) await this.#place((reference as NonNullable<ChainTable["reference"]>).name, from);
      const { uniqueId, largestSequence, smallestKey } = table;
      inputs.push({ path: from, sizeBytes, uniqueId, sequence: largestSequence, smallestKey });
    }
    const request = { inputs, directory: working.drained, filePrefix: merge.prefix, targetFileBytes };
    const files = await translated(database.mergeTables(columnFamily, request));
    return files.map(({ name, sizeBytes, sequence, uniqueId, ...keys }): ChainTable => {
      const { smallestKey, largestKey, smallestInternalKey, largestInternalKey } = keys;
      const table = {
        uniqueId, smallestKey, largestKey, smallestInternalKey, largestInternalKey,
        level: 0, epoch: 0, smallestSequence: sequence, largestSequence: sequence, merges: merge.merges,
      };
      return { table, sizeBytes, layer: merge.layer, path: join(working.drained, name), reference: undefined };
    });
  }

  /** Restored files are taken as a restore takes them. */
  async #place(name: string, to: string): Promise<void> {
    const { restore, fileSystem } = this.#parts.context;
    if (restore === undefined || isSavepoint(restore)) throw new Error(`${name} is neither in the working directory nor restored`);
    this.#restoredNames ??= new Map(restore.handles.flatMap(({ files }) => files.map((file) => [restore.file(file).reference.name, file])));
    await placeRestoredFile(restore, this.#restoredNames.get(name) ?? name, fileSystem, { to });
  }
}
