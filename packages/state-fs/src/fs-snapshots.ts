import {
  describeKeyed,
  type Freezable,
  HeapExport,
  type KeyedStateContext,
  type KeyedStateResult,
  type KeyedStateSnapshot,
  StateError,
  type StateExport,
  type StateRegistry,
} from "@tidemark/core/state";
import type { Json, SnapshotFiles } from "@tidemark/core/storage";
import { type Chain, type ChainFile, ChainUpload, fileSizeBytes, localBase, localSegments } from "./checkpoint-chain.js";
import type { ChangeLog } from "./log/change-log.js";
import type { StoredEntries } from "./log/log-overlay.js";
import { Materialisation } from "./materialisation.js";

/** When the whole state is written anew, so that the log before it can go. */
export interface MaterialiseOptions {
  /** Once the log has this many times the bytes of the last whole state. Default 1: a checkpoint has at most about twice the state. */
  readonly ratio?: number;
  /** But not while the log has fewer bytes. Default 4 MiB. */
  readonly minimumBytes?: number;
  /** Or once the log has this many segments: each is a file to open at a restore. Default 100. */
  readonly segmentsMax?: number;
}

export interface FsSnapshotsOptions<K> {
  readonly context: KeyedStateContext<K>;
  readonly directory: string;
  readonly logId: string;
  readonly log: ChangeLog;
  readonly registry: StateRegistry;
  /** What checkpoints begin with, up to where the log began; undefined where the state must be materialised first. */
  readonly chain: Chain | undefined;
  readonly materialise: Required<MaterialiseOptions>;
  /** Everything a snapshot has to hold. */
  readonly contents: () => readonly Freezable[];
  readonly undeclared: ReadonlyMap<number, StoredEntries>;
}

/**
 * Incremental checkpoints: cut the log, and add the segments that no checkpoint has yet. Now and then the whole state is written beside
 * them, in the background, and takes the place of the log before it.
 */
export class FsSnapshots<K> {
  readonly #options: FsSnapshotsOptions<K>;
  readonly #upload: ChainUpload;
  readonly #abort = new AbortController();
  /** In front of the log's own segments. */
  #chain: Chain | undefined;
  #materialisation: Materialisation | undefined;
  /** Snapshots that wait for the materialisation. */
  #waiting = 0;
  #export: HeapExport | undefined;
  /** Log size below which a materialisation is not tried: after a failure, not at once again. */
  #notBelowBytes = 0;
  /** Bytes of the log that are too many beside what the chain has. */
  #thresholdBytes = Infinity;
  /** Uploads and removals, one after the other: no file goes while a checkpoint is adding it. */
  #lane: Promise<unknown> = Promise.resolve();
  /** Bytes an entry took in the last materialisation; a guess before the first. */
  #averageEntryBytes = 64;

  constructor(options: FsSnapshotsOptions<K>) {
    this.#options = options;
    this.#setChain(options.chain);
    this.#upload = new ChainUpload(options.context, options.directory, options.logId);
  }

  /** Entries at their average size: objects have none to ask for. */
  get stateSizeBytes(): number {
    return this.#entryCount() * this.#averageEntryBytes;
  }

  /** The contents are those at the call. Throws CHECKPOINT_DECLINED where all of it must be written and an export is open. */
  async start(files: SnapshotFiles, signal: AbortSignal): Promise<KeyedStateSnapshot> {
    const { log, context, registry } = this.#options;
    if (log.isLost) {
      this.#setChain(undefined);
      this.#materialisation?.abort(new StateError("CHECKPOINT_DECLINED", "the log was begun anew"));
      this.#materialisation = undefined;
      log.restart();
    }
    const seq = log.cut();
    const logged = log.closed();
    logged.catch(() => undefined);
    if (this.#chain === undefined) this.#materialiseNow(seq, logged);
    else this.#materialiseIfLarge(seq, logged);
    const chain = this.#chainUpTo(seq);
    const description = describeKeyed(context, registry.describe());
    const both = AbortSignal.any([signal, this.#abort.signal]);
    const result = this.#inLane(async (): Promise<KeyedStateResult> => {
      await logged;
      const { references, described } = await this.#upload.add(await chain, seq, files, both);
      const keyGroups = [context.keyGroups.first, context.keyGroups.last] as const;
      const handle = {
        backend: "fs",
        keyGroups,
        files: references.map(({ name }) => name),
        description: { ...description, ...described } as unknown as Json,
        ...(described.base === null ? {} : { chain: { id: described.base.file, base: [described.base.file] } }),
      };
      return { handle, files: references };
    });
    result.catch(() => undefined);
    return { result };
  }

  /** Writes the whole state in the background if the log has grown past its share. Cuts the log then, which commits. */
  materialiseIfLarge(): void {
    if (!this.#isLarge() || this.#options.log.isLost) return;
    const seq = this.#options.log.cut();
    const logged = this.#options.log.closed();
    logged.catch(() => undefined);
    this.#materialiseIfLarge(seq, logged);
  }

  /** Throws CHECKPOINT_DECLINED while another export is open or a snapshot needs the contents. */
  export(): StateExport {
    if (this.#export !== undefined || this.#waiting > 0)
      throw new StateError("CHECKPOINT_DECLINED", "the fs backend is still writing the snapshot or savepoint before");
    this.#materialisation?.abort(new StateError("CHECKPOINT_DECLINED", "a savepoint needs the contents"));
    this.#materialisation = undefined;
    const { registry, context, contents, undeclared } = this.#options;
    this.#export = new HeapExport({
      states: registry.describe(),
      keyGroups: context.keyGroups,
      contents: [...contents()],
      undeclared,
      onClose: () => (this.#export = undefined),
    });
    return this.#export;
  }

  async close(): Promise<void> {
    this.#export?.close();
    const reason = new StateError("DISPOSED", "the fs backend was closed while it wrote a snapshot");
    this.#abort.abort(reason);
    const materialisation = this.#materialisation;
    materialisation?.abort(reason);
    await materialisation?.done.catch(() => undefined);
    await this.#lane;
  }

  #isLarge(): boolean {
    const { log, materialise } = this.#options;
    const isOver = log.sizeBytes > this.#thresholdBytes || (this.#chain?.segments.length ?? 0) + log.segmentCount > materialise.segmentsMax;
    if (!isOver || this.#chain === undefined || this.#materialisation !== undefined || this.#export !== undefined) return false;
    return log.sizeBytes >= this.#notBelowBytes;
  }

  #setChain(chain: Chain | undefined): void {
    this.#chain = chain;
    if (chain === undefined) return;
    const { ratio, minimumBytes } = this.#options.materialise;
    const baseBytes = chain.base === undefined ? 0 : fileSizeBytes(chain.base);
    const segmentBytes = chain.segments.reduce((sum, segment) => sum + fileSizeBytes(segment), 0);
    this.#thresholdBytes = Math.max(minimumBytes, ratio * baseBytes) - segmentBytes;
  }

  #entryCount(): number {
    let count = 0;
    for (const contents of this.#options.contents()) count += contents.size;
    for (const entries of this.#options.undeclared.values()) count += entries.length;
    return count;
  }

  #materialiseIfLarge(seq: number, logged: Promise<void>): void {
    if (this.#isLarge()) this.#materialiseNow(seq, logged);
  }

  #materialiseNow(seq: number, logged: Promise<void>): void {
    // One under way serves as well: the log behind it is whole.
    if (this.#materialisation !== undefined) return;
    if (this.#export !== undefined) throw new StateError("CHECKPOINT_DECLINED", "the fs backend is still writing the savepoint before");
    const { context, directory, contents, undeclared, log } = this.#options;
    const started = new Materialisation({ fileSystem: context.fileSystem, directory, seq, contents: [...contents()], undeclared, logged });
    this.#materialisation = started;
    const entries = this.#entryCount();
    started.done.then(
      (base) => {
        if (this.#materialisation !== started) return;
        this.#materialisation = undefined;
        this.#notBelowBytes = 0;
        if (entries > 0) this.#averageEntryBytes = base.sizeBytes / entries;
        this.#replaceChain(localBase(base));
      },
      () => {
        if (this.#materialisation === started) this.#materialisation = undefined;
        this.#notBelowBytes = log.sizeBytes + this.#options.materialise.minimumBytes;
      },
    );
  }

  /** Segments up to the base go, and the base before. */
  #replaceChain(base: ChainFile): void {
    const { context, directory, log } = this.#options;
    const before = this.#chain?.base;
    const dropped = log.dropUntil(base.lastSeq).map(({ name }) => name);
    if (before !== undefined && "name" in before && before.lastSeq !== base.lastSeq) dropped.push(before.name);
    this.#setChain({ base, segments: [] });
    void this.#inLane(async () => {
      // A file that stays costs space only; the next start removes it.
      for (const name of dropped) await context.fileSystem.removeFile(`${directory}/${name}`).catch(() => undefined);
    });
  }

  /** The chain at a cut just made. Where it waits for a materialisation, the segments are fixed now and the base comes later. */
  #chainUpTo(seq: number): Promise<Chain> | Chain {
    const segments = localSegments(this.#options.log.segments).filter(({ lastSeq }) => lastSeq <= seq);
    if (this.#chain !== undefined) return { base: this.#chain.base, segments: [...this.#chain.segments, ...segments] };
    const awaited = this.#materialisation;
    if (awaited === undefined) throw new StateError("INTERNAL", "a checkpoint has neither a chain nor a materialisation");
    this.#waiting += 1;
    const chain = awaited.done
      .then((base) => ({ base: localBase(base), segments: segments.filter(({ firstSeq }) => firstSeq > base.seq) }))
      .finally(() => (this.#waiting -= 1));
    chain.catch(() => undefined);
    return chain;
  }

  #inLane<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#lane.then(task);
    this.#lane = result.catch(() => undefined);
    return result;
  }
}
