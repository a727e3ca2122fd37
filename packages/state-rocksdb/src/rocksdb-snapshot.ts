import { join } from "node:path";
import type { Database, LiveFile } from "@tidemark/rocksdb";
import {
  describeKeyed,
  type KeyedDescription,
  type KeyedStateContext,
  type KeyedStateResult,
  type KeyedStateSnapshot,
  StateError,
  type StateRegistry,
} from "@tidemark/core/state";
import type { Json, SnapshotFiles } from "@tidemark/core/storage";
import { type ChainTable, type CheckpointChain, type RebasePolicy, bytesOf } from "./checkpoint-chain.js";
import { type DeltaMerge, DeltaMerges, leftBytes, type MergeCounters } from "./delta-merges.js";
import type { CheckpointTable } from "./description.js";
import { translated } from "./errors.js";
import type { DrainedLayer } from "./rocksdb-backing.js";
import { dueBytes, runsBound } from "./runs-to-merge.js";
import type { WorkingDirectory } from "./working-directory.js";
import type { WriteBackStore } from "./write-back/write-back-store.js";

/** Files that are uploaded at once. */
const uploadsAtOnce = 4;
/**
 * A new base and merged deltas are uploaded along with the deltas, this many times their bytes with each checkpoint, so that no
 * checkpoint is much larger than the others.
 */
const creditPerDeltaByte = 2.5;
/** The same for each of the two where both are on their way. */
const sharedCreditPerDeltaByte = 1.5;

export interface SnapshotParts<K> {
  readonly context: KeyedStateContext<K>;
  readonly database: Database;
  readonly columnFamily: number;
  readonly working: WorkingDirectory;
  readonly registry: StateRegistry;
  readonly store: WriteBackStore<DrainedLayer>;
  readonly chain: CheckpointChain;
  readonly policy: RebasePolicy;
}

/** A base that is on its way: the table files of one moment, held by hard links. */
interface Rebase {
  /** The last layer that it holds. */
  readonly layer: number;
  readonly tables: readonly ChainTable[];
  readonly pins: string;
  /** Bytes that may be uploaded before their time. */
  creditBytes: number;
}

/**
 * Takes checkpoints. The barrier only freezes the table's layer. Then the layer is drained into table files of its own, and those are
 * all that is uploaded: what compaction makes of them later matters only when a new base is taken.
 */
export class RocksDBSnapshots<K> {
  readonly #parts: SnapshotParts<K>;
  readonly #abort = new AbortController();
  /** Checkpoints are completed in order. */
  #last: Promise<unknown> = Promise.resolve();
  #rebase: Rebase | undefined;
  /** Set until the base of a checkpoint that was asked for is held or given up. */
  #beginning: Promise<void> | undefined;
  /** The files of a base while they are being linked. */
  #pinning: Promise<LiveFile[]> | undefined;
  #rebases = 0;
  readonly #merges: DeltaMerges<K>;
  /** Bytes of merged deltas that may be uploaded before their time. */
  #mergeCreditBytes = 0;
  /** The checkpoint that is being completed. */
  #completing = 0;
  /**
   * Files that were uploaded for a checkpoint since the last complete one. Every checkpoint names them, though a merge or a base may have
   * taken their place already: what no complete checkpoint has named is not deleted while the job runs.
   */
  #uploaded: { readonly reference: NonNullable<ChainTable["reference"]>; readonly checkpointId: number }[] = [];
  /** Names the base in checkpoints; undefined while there is none. */
  #chainId: string | undefined;

  constructor(parts: SnapshotParts<K>, chainId: string | undefined) {
    this.#parts = parts;
    this.#chainId = chainId;
    this.#merges = new DeltaMerges(parts);
  }

  /** Resolves as soon as the contents are fixed: at once, unless two layers wait to be drained already. */
  async start(checkpointId: number, files: SnapshotFiles, signal: AbortSignal): Promise<KeyedStateSnapshot> {
    const { context, store, registry } = this.#parts;
    const both = AbortSignal.any([signal, this.#abort.signal]);
    both.throwIfAborted();
    if (!store.queue.hasSlot) await aborted(store.queue.slot(), both);
    else store.queue.retry();
    if (!store.queue.hasSlot) {
      const cause = store.queue.failure;
      throw new StateError("CHECKPOINT_FAILED", `checkpoint ${checkpointId}: earlier changes cannot be written to RocksDB; see the cause`, {
        cause,
      });
    }
    const keyed = describeKeyed(context, registry.describe());
    const layer = store.layer;
    const drained = store.freeze();
    const { chain, policy } = this.#parts;
    // A base of this very moment: what is drained later belongs to later checkpoints.
    if (this.#rebase === undefined && chain.needsRebase(policy) && this.#beginning === undefined) {
      this.#beginning = this.#beginRebase(layer);
      this.#beginning.catch(() => undefined);
    }
    const result = this.#last.then(() => {
      this.#completing = checkpointId;
      return this.#complete(layer, drained, keyed, files, both);
    });
    result.catch(() => undefined);
    this.#last = result.catch(() => undefined);
    return { result };
  }

  /** It has named all files that were uploaded until then. */
  notifyComplete(checkpointId: number): void {
    this.#uploaded = this.#uploaded.filter((file) => file.checkpointId > checkpointId);
  }

  /** Merges of old deltas so far, and the runs that a checkpoint of this moment would have. */
  mergeCounters(): MergeCounters & { readonly runs: number } {
    return { ...this.#merges.counters(), runs: this.#parts.chain.runs().length };
  }

  async close(): Promise<void> {
    this.#abort.abort(new StateError("DISPOSED", "the rocksdb backend was closed while it wrote a snapshot"));
    await this.#last;
    await this.#pinning?.catch(() => undefined);
    await this.#merges.close();
  }

  async #complete(
    layer: number,
    drained: Promise<void>,
    keyed: KeyedDescription,
    files: SnapshotFiles,
    signal: AbortSignal,
  ): Promise<KeyedStateResult> {
    const { chain, policy } = this.#parts;
    await aborted(drained, signal);
    const isWhole = !chain.hasBase;
    if (this.#beginning !== undefined) await aborted(this.#beginning, signal);
    const rebase = this.#rebase;
    if (rebase !== undefined && isWhole && chain.canReplaceBase(rebase.layer, layer)) rebase.creditBytes = Infinity;
    let added = 0;
    if (rebase?.creditBytes !== Infinity) {
      added = await this.#upload(chain.deltasAt(layer), files, signal);
      const merges = this.#merges.written;
      const perByte = rebase !== undefined && merges.length > 0 ? sharedCreditPerDeltaByte : creditPerDeltaByte;
      if (rebase !== undefined) rebase.creditBytes += added * perByte;
      const pending = merges.map((merge) => ({ leftBytes: leftBytes(merge), runs: merge.runs }));
      const dueNow = dueBytes(pending, chain.runs().length, runsBound(policy.deltasMax));
      this.#mergeCreditBytes = merges.length === 0 ? 0 : Math.max(this.#mergeCreditBytes + added * perByte, dueNow);
      for (const merge of merges) await this.#advanceMerge(merge, layer, files, signal);
    }
    if (rebase !== undefined) await this.#advance(rebase, layer, files, signal);
    const tables = chain.tablesAt(layer);
    await this.#upload(tables, files, signal);
    const result = this.#result(keyed, tables);
    this.#merges.begin(layer, this.#rebase?.layer, added);
    return result;
  }

  /** Uploads what the credit allows of a merge, and takes it into use once it is whole. */
  async #advanceMerge(merge: DeltaMerge, layer: number, files: SnapshotFiles, signal: AbortSignal): Promise<void> {
    const { chain, context, policy } = this.#parts;
    const outputs = merge.outputs ?? [];
    if (!chain.hasDeltas(merge.inputs)) {
      await this.#merges.end(merge);
      return;
    }
    // More runs than wanted are worse than a large checkpoint.
    const isUrgent = chain.runs().length > runsBound(policy.deltasMax);
    const now: ChainTable[] = [];
    for (const table of outputs.filter(({ reference }) => reference === undefined)) {
      if (!isUrgent && table.sizeBytes > this.#mergeCreditBytes) break;
      this.#mergeCreditBytes = Math.max(0, this.#mergeCreditBytes - table.sizeBytes);
      now.push(table);
    }
    await this.#upload(now, files, signal);
    if (outputs.some(({ reference }) => reference === undefined) || merge.layer > layer) return;
    chain.replaceDeltas(merge.inputs, outputs);
    await this.#merges.end(merge);
    for (const { path } of merge.inputs) if (path !== undefined) await context.fileSystem.removeFile(path).catch(() => undefined);
  }

  /** Holds the table files of the moment in which all layers up to `upTo` are drained, if no drain has to begin meanwhile. */
  async #beginRebase(upTo: number): Promise<void> {
    try {
      await this.#pinBase(upTo);
    } finally {
      this.#beginning = undefined;
    }
  }

  async #pinBase(upTo: number): Promise<void> {
    const { context, database, columnFamily, working, store, chain } = this.#parts;
    this.#rebases += 1;
    const pins = join(working.pins, String(this.#rebases));
    let layer = 0;
    const live = await store.queue.between(async () => {
      this.#abort.signal.throwIfAborted();
      layer = store.drainedLayer;
      this.#pinning = context.fileSystem.makeDirectory(pins).then(() => translated(database.pinLiveFiles([columnFamily], pins)));
      return await this.#pinning;
    }, upTo);
    if (live === undefined) {
      await this.#unpin(pins);
      return;
    }
    const tables = live.map((file): ChainTable => {
      const known = chain.find(file.uniqueId)?.reference;
      const path = known === undefined ? join(pins, file.name) : undefined;
      return { table: describeTable(file), sizeBytes: file.sizeBytes, layer: 0, path, reference: known };
    });
    this.#rebase = { layer, tables, pins, creditBytes: 0 };
  }

  /** Uploads what the credit allows of the new base, and takes it into use once it is whole. */
  async #advance(rebase: Rebase, layer: number, files: SnapshotFiles, signal: AbortSignal): Promise<void> {
    const { chain, context } = this.#parts;
    for (const table of rebase.tables) {
      // What was uploaded as a delta meanwhile need not be uploaded again.
      table.reference ??= chain.find(table.table.uniqueId)?.reference;
    }
    const missing = rebase.tables.filter(({ reference }) => reference === undefined);
    const now: ChainTable[] = [];
    for (const table of missing) {
      if (table.sizeBytes > rebase.creditBytes) break;
      rebase.creditBytes -= table.sizeBytes;
      now.push(table);
    }
    await this.#upload(now, files, signal);
    for (const table of rebase.tables) {
      if (table.reference === undefined || table.path === undefined) continue;
      // It costs space until the working directory goes.
      await context.fileSystem.removeFile(table.path).catch(() => undefined);
      table.path = undefined;
    }
    if (rebase.tables.some(({ reference }) => reference === undefined) || !chain.canReplaceBase(rebase.layer, layer)) return;
    const replaced = chain.replaceBase(rebase.tables, rebase.layer);
    for (const { path } of replaced) if (path !== undefined) await context.fileSystem.removeFile(path).catch(() => undefined);
    this.#rebase = undefined;
    this.#chainId = `${context.generation}-${context.operator}-${context.subtask}-${this.#rebases}`;
    await this.#unpin(rebase.pins);
  }

  /** Puts into the checkpoint directory what is not there yet; the bytes that were added. */
  async #upload(tables: readonly ChainTable[], files: SnapshotFiles, signal: AbortSignal): Promise<number> {
    const { context } = this.#parts;
    const waiting = tables.filter(({ reference }) => reference === undefined);
    const addedBytes = bytesOf(waiting);
    const uploadNext = async (): Promise<void> => {
      for (let table = waiting.shift(); table !== undefined; table = waiting.shift()) {
        signal.throwIfAborted();
        const { operator, subtask } = context;
        const name = `${files.generation}-${operator}-${subtask}-${table.table.uniqueId.toLowerCase()}.sst`;
        table.reference = await files.addFile(table.path as string, name, signal);
        this.#uploaded.push({ reference: table.reference, checkpointId: this.#completing });
      }
    };
    await Promise.all(Array.from({ length: uploadsAtOnce }, uploadNext));
    return addedBytes;
  }

  #result(keyed: KeyedDescription, tables: readonly ChainTable[]): KeyedStateResult {
    const { chain, context } = this.#parts;
    const { first, last } = context.keyGroups;
    const nameOf = ({ reference }: ChainTable): string => (reference as { readonly name: string }).name;
    const base = new Set(chain.base);
    const described = (each: readonly ChainTable[]): Json =>
      each.map((table): CheckpointTable => ({ name: nameOf(table), ...table.table, ...(base.has(table) ? {} : { isDelta: true }) })) as
        unknown as Json;
    const id = chain.base.length === 0 ? undefined : this.#chainId;
    // The base is described once for all checkpoints of its chain.
    const own = id === undefined ? tables : tables.filter((table) => !base.has(table));
    // Files of a base or a merge that is not whole yet are named too, or garbage collection would take them.
    const replacements = [this.#rebase?.tables ?? [], ...this.#merges.written.map(({ outputs }) => outputs ?? [])].flat();
    const staged = replacements.filter(({ reference }) => reference !== undefined);
    const named = [...tables, ...staged].map(({ reference }) => reference as NonNullable<ChainTable["reference"]>);
    const all = new Map([...named, ...this.#uploaded.map(({ reference }) => reference)].map((reference) => [reference.name, reference]));
    const handle = {
      backend: "rocksdb",
      keyGroups: [first, last] as const,
      files: [...all.keys()],
      description: { ...keyed, tables: described(own) } as Json,
      ...(id === undefined ? {} : { chain: { id, base: chain.base.map(nameOf), description: { tables: described(chain.base) } } }),
    };
    return { handle, files: [...all.values()] };
  }

  async #unpin(pins: string): Promise<void> {
    // A pin that stays costs space in the working directory only, and goes with it.
    await this.#parts.context.fileSystem.removeDirectory(pins).catch(() => undefined);
  }
}

/** Rejects with the signal's reason as soon as it is aborted; what was waited for goes on. */
async function aborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let stop: (() => void) | undefined;
  const reason = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, reason]);
  } finally {
    if (stop !== undefined) signal.removeEventListener("abort", stop);
  }
}

function describeTable(file: LiveFile): Omit<CheckpointTable, "name"> {
  const { level, smallestSequence, largestSequence, smallestInternalKey, largestInternalKey, smallestKey, largestKey, epoch, uniqueId } =
    file;
  return { uniqueId, level, smallestSequence, largestSequence, smallestInternalKey, largestInternalKey, smallestKey, largestKey, epoch };
}
