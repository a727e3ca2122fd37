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
import type { FileReference, Json, SnapshotFiles } from "@tidemark/core/storage";
import type { CheckpointTable } from "./description.js";
import { translated } from "./errors.js";
import type { WorkingDirectory } from "./working-directory.js";

export interface SnapshotParts<K> {
  readonly context: KeyedStateContext<K>;
  readonly database: Database;
  readonly columnFamily: number;
  readonly working: WorkingDirectory;
  readonly registry: StateRegistry;
  /** Files that the restored checkpoint holds already, by unique id. */
  readonly known: ReadonlyMap<string, FileReference>;
}

/**
 * Incremental checkpoints: flush, pin the table files by hard link, then put those that no checkpoint holds yet into the
 * checkpoint's files. Finished uploads outlive an aborted checkpoint and serve the next (rule 11).
 */
export class RocksDBSnapshots<K> {
  readonly #parts: SnapshotParts<K>;
  readonly #uploaded: Map<string, FileReference>;
  readonly #abort = new AbortController();
  /** Snapshots run one after the other; a barrier waits for the upload before it. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: SnapshotParts<K>) {
    this.#parts = parts;
    this.#uploaded = new Map(parts.known);
  }

  /** Resolves when the contents are fixed in pinned files and records may change the state again. */
  async start(checkpointId: number, files: SnapshotFiles, signal: AbortSignal): Promise<KeyedStateSnapshot> {
    await this.#last;
    const { context, database, columnFamily, working, registry } = this.#parts;
    const both = AbortSignal.any([signal, this.#abort.signal]);
    both.throwIfAborted();
    const pins = join(working.pins, String(checkpointId));
    await context.fileSystem.makeDirectory(pins);
    const described = describeKeyed(context, registry.describe());
    let tables: LiveFile[];
    try {
      await translated(database.flush([columnFamily]));
      tables = await translated(database.pinLiveFiles([columnFamily], pins));
    } catch (error) {
      await this.#unpin(pins);
      throw error;
    }
    const result = this.#upload(tables, pins, described, files, both).finally(() => this.#unpin(pins));
    this.#last = result.catch(() => undefined);
    return { result };
  }

  async close(): Promise<void> {
    this.#abort.abort(new StateError("DISPOSED", "the rocksdb backend was closed while it wrote a snapshot"));
    await this.#last;
  }

  async #upload(
    tables: readonly LiveFile[],
    pins: string,
    keyed: KeyedDescription,
    files: SnapshotFiles,
    signal: AbortSignal,
  ): Promise<KeyedStateResult> {
    const { first, last } = this.#parts.context.keyGroups;
    const references: FileReference[] = [];
    const described: CheckpointTable[] = [];
    for (const table of tables) {
      signal.throwIfAborted();
      const reference = this.#uploaded.get(table.uniqueId) ?? (await this.#add(table, pins, files, signal));
      references.push(reference);
      described.push(describeTable(table, reference.name));
    }
    this.#forgetAllBut(tables);
    const handle = {
      backend: "rocksdb",
      keyGroups: [first, last] as const,
      files: references.map((file) => file.name),
      description: { ...keyed, tables: described as unknown as Json },
    };
    return { handle, files: references };
  }

  async #add(table: LiveFile, pins: string, files: SnapshotFiles, signal: AbortSignal): Promise<FileReference> {
    const { operator, subtask } = this.#parts.context;
    const name = `${files.generation}-${operator}-${subtask}-${table.uniqueId.toLowerCase()}.sst`;
    const reference = await files.addFile(join(pins, table.name), name, signal);
    this.#uploaded.set(table.uniqueId, reference);
    return reference;
  }

  /** Tables that compaction has replaced never come back. */
  #forgetAllBut(tables: readonly LiveFile[]): void {
    const live = new Set(tables.map((table) => table.uniqueId));
    for (const uniqueId of this.#uploaded.keys()) if (!live.has(uniqueId)) this.#uploaded.delete(uniqueId);
  }

  async #unpin(pins: string): Promise<void> {
    // A pin that stays costs space in the working directory only, and goes with it.
    await this.#parts.context.fileSystem.removeDirectory(pins).catch(() => undefined);
  }
}

function describeTable(table: LiveFile, name: string): CheckpointTable {
  const { level, smallestSequence, largestSequence, smallestInternalKey, largestInternalKey, smallestKey, largestKey, epoch, uniqueId } =
    table;
  return {
    name,
    uniqueId,
    level,
    smallestSequence,
    largestSequence,
    smallestInternalKey,
    largestInternalKey,
    smallestKey,
    largestKey,
    epoch,
  };
}
