import {
  describeKeyed,
  type KeyContext,
  type KeyedStateContext,
  MemoryGuard,
  type ReadMemory,
  StateError,
  StateRegistry,
} from "@tidemark/core/state";
import type { SyncFileSystem } from "@tidemark/core/storage";
import { type Chain, localBase, restoredChain } from "./checkpoint-chain.js";
import { type FsParts, HeapFsKeyedStateBackend } from "./fs-keyed-state-backend.js";
import { positionOf, type RestoredCheckpoint, restoreCheckpoint } from "./fs-restore.js";
import type { MaterialiseOptions } from "./fs-snapshots.js";
import { findLocalLog, type LocalLog, recoverLocalLog } from "./local-log.js";
import { BlockingSegmentWriter } from "./log/blocking-segment-writer.js";
import { ChangeLog, type ClosedSegment, type Durability } from "./log/change-log.js";
import type { LogPosition } from "./log/segment-format.js";
import { BackgroundSegmentWriter } from "./log/segment-writer.js";
import { Materialisation } from "./materialisation.js";
import { createScratchDirectory, durableDirectory, makeDurableDirectory } from "./working-directory.js";

export interface OpenerOptions {
  readonly directory: string;
  readonly durability: Durability;
  readonly segmentBytes: number;
  readonly pendingBytesMax: number;
  readonly materialise: Required<MaterialiseOptions>;
  readonly syncFileSystem: SyncFileSystem;
  readonly readMemory: ReadMemory;
  /** Random hex digits, two a byte. */
  readonly nonce: (bytes: number) => string;
}

/** What a subtask opened, whatever its log begins with. */
type Opened<K> = Pick<FsParts<K>, "context" | "keys" | "guard" | "directory" | "onClose">;

/** What a log begins with. */
interface LogStart extends Pick<FsParts<never>, "registry" | "entries" | "chain"> {
  readonly lastSeq: number;
  readonly logId: string;
  readonly origin: LogPosition | null;
  readonly segments: readonly ClosedSegment[];
  readonly nextNumber: number;
}

/** Opens the state of subtasks: from a checkpoint with a log that is scratch, or from a durable log in the directory. */
export class FsKeyedStateOpener {
  readonly #options: OpenerOptions;
  /** Durable directories that this process has open. */
  readonly #open = new Set<string>();

  constructor(options: OpenerOptions) {
    this.#options = options;
  }

  async open<K>(context: KeyedStateContext<K>, keys: KeyContext<K>): Promise<HeapFsKeyedStateBackend<K>> {
    const { directory, durability, nonce, readMemory } = this.#options;
    const guard = new MemoryGuard(readMemory);
    if (durability === "checkpoint") {
      const root = await createScratchDirectory(directory, nonce(4), context);
      const remove = (): Promise<void> => context.fileSystem.removeDirectory(root);
      try {
        return this.#backend({ context, keys, guard, directory: root, onClose: remove }, await this.#fromCheckpoint(context, guard));
      } catch (error) {
        await remove().catch(() => undefined);
        throw error;
      }
    }
    const root = durableDirectory(directory, context);
    if (this.#open.has(root)) throw new StateError("DIRECTORY_IN_USE", `${root} is open already; close that backend first`);
    this.#open.add(root);
    try {
      await makeDurableDirectory(context.fileSystem, root);
      const start = await this.#fromDirectory(context, root, guard);
      const onClose = async (): Promise<void> => void this.#open.delete(root);
      return this.#backend({ context, keys, guard, directory: root, onClose }, start);
    } catch (error) {
      this.#open.delete(root);
      throw error;
    }
  }

  async #fromCheckpoint<K>(context: KeyedStateContext<K>, guard: MemoryGuard): Promise<LogStart> {
    if (context.restore === undefined) return this.#empty(context);
    const { chain, ...restored } = await restoreCheckpoint(context, context.restore, guard);
    return { ...this.#empty(context), ...restored, chain: chain === undefined ? undefined : restoredChain(chain) };
  }

  /** The local log, or the checkpoint where there is none or it is behind. */
  async #fromDirectory<K>(context: KeyedStateContext<K>, root: string, guard: MemoryGuard): Promise<LogStart> {
    const { fileSystem, restore } = context;
    const log = await findLocalLog(fileSystem, root);
    const isBehind = log !== undefined && restore !== undefined && isLogBehind(log, positionOf(restore), root);
    if (log !== undefined && !isBehind) {
      const recovered = await recoverLocalLog(context, root, log, guard);
      const base = log.base === undefined ? undefined : localBase(log.base);
      const { header, nextNumber } = log;
      return { ...recovered, chain: { base, segments: [] }, logId: header.log, origin: header.origin, nextNumber };
    }
    const checkpoint = restore === undefined ? undefined : await restoreCheckpoint(context, restore, guard);
    for (const { name, kind } of await fileSystem.list(root)) if (kind === "file") await fileSystem.removeFile(`${root}/${name}`);
    await fileSystem.syncDirectory(root);
    return checkpoint === undefined ? this.#empty(context) : await this.#localCopy(context, root, checkpoint);
  }

  /** Writes what a checkpoint held as the base of a new log: so the directory alone is enough from now on. */
  async #localCopy<K>(context: KeyedStateContext<K>, root: string, checkpoint: RestoredCheckpoint): Promise<LogStart> {
    const { fileSystem } = context;
    const { registry, entries, lastSeq, position } = checkpoint;
    const logged = Promise.resolve();
    const copy = new Materialisation({ fileSystem, directory: root, seq: lastSeq, contents: [], undeclared: entries, logged });
    const chain: Chain = { base: localBase(await copy.done), segments: [] };
    return { ...this.#empty(context), registry, entries, lastSeq, chain, origin: position ?? null };
  }

  #empty({ stateIds }: Pick<KeyedStateContext<never>, "stateIds">): LogStart {
    return {
      registry: new StateRegistry(stateIds),
      entries: new Map(),
      chain: { base: undefined, segments: [] },
      lastSeq: 0,
      logId: this.#options.nonce(8),
      origin: null,
      segments: [],
      nextNumber: 1,
    };
  }

  #backend<K>(opened: Opened<K>, start: LogStart): HeapFsKeyedStateBackend<K> {
    const { context, keys, directory } = opened;
    const { durability, segmentBytes, pendingBytesMax, materialise, syncFileSystem } = this.#options;
    const { registry, entries, chain, logId, origin, lastSeq, segments, nextNumber } = start;
    const keyGroups = [context.keyGroups.first, context.keyGroups.last] as const;
    const log = new ChangeLog({
      directory,
      durability,
      segmentBytes,
      pendingBytesMax,
      createWriter: (onFailure) =>
        durability === "every-write"
          ? new BlockingSegmentWriter(syncFileSystem)
          : new BackgroundSegmentWriter(context.fileSystem, onFailure),
      header: (firstSeq) => ({ log: logId, firstSeq, keyGroups, keyed: describeKeyed(context, registry.describe()), origin }),
      lastSeq,
      segments,
      nextNumber,
      onFailure: (error) => keys.fail(error),
    });
    return new HeapFsKeyedStateBackend({ ...opened, logId, log, durability, registry, entries, chain, materialise });
  }
}

/**
 * Whether the checkpoint holds more than the local log. Throws FOREIGN_DIRECTORY where neither continues the other: acknowledged changes
 * of one of them would be lost.
 */
function isLogBehind({ header, end }: LocalLog, checkpoint: LogPosition | undefined, root: string): boolean {
  if (checkpoint !== undefined && header.log === checkpoint.log) return end.seq < checkpoint.seq;
  const { origin } = header;
  if (checkpoint !== undefined && origin !== null && origin.log === checkpoint.log && origin.seq >= checkpoint.seq) return false;
  throw new StateError(
    "FOREIGN_DIRECTORY",
    `the log in ${root} does not continue the checkpoint to restore: remove that directory to start from the checkpoint, ` +
      "or start without a checkpoint to keep what the log holds",
  );
}
