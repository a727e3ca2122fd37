import { join } from "node:path";
import {
  describeKeyed, type KeyedStateContext, type KeyedStateResult, type KeyedStateSnapshot, type StateRegistry,
} from "@tidemark/core/state";
import type { FileReference, Json, SnapshotFiles } from "@tidemark/core/storage";
import type { Database, LiveFile } from "@tidemark/rocksdb";

/** What of the table files a checkpoint uploads: all of them, or those that the checkpoint before did not have. */
export type UploadMode = "full" | "live-files";

/** Files that are uploaded at once, as our backend does. */
const uploadsAtOnce = 4;

export interface LiveFilesParts<K> {
  readonly context: KeyedStateContext<K>;
  readonly database: Database;
  readonly columnFamily: number;
  readonly registry: StateRegistry;
  /** Where table files are held by hard links until they are uploaded. */
  readonly pins: string;
  readonly mode: UploadMode;
}

/**
 * Checkpoints of the table files that are live: at the barrier RocksDB writes its memtable to a file, and all files are held; then they are
 * uploaded. So Flink does it. What is put into the checkpoint is in the form of our rocksdb backend, which restores it.
 */
export class LiveFilesSnapshots<K> {
  readonly #parts: LiveFilesParts<K>;
  /** Files of the last checkpoint by their id. */
  #uploaded = new Map<string, FileReference>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: LiveFilesParts<K>) {
    this.#parts = parts;
  }

  async start(checkpointId: number, files: SnapshotFiles, signal: AbortSignal): Promise<KeyedStateSnapshot> {
    const { context, database, columnFamily, registry, pins } = this.#parts;
    const own = join(pins, String(checkpointId));
    await context.fileSystem.makeDirectory(own);
    await database.flush([columnFamily]);
    const live = await database.pinLiveFiles([columnFamily], own);
    const keyed = describeKeyed(context, registry.describe());
    const result = this.#last.then(async (): Promise<KeyedStateResult> => {
      const references = await this.#upload(live, own, checkpointId, files, signal);
      await context.fileSystem.removeDirectory(own);
      const names = references.map(({ name }) => name);
      const tables = live.map((file, index) => tableOf(file, names[index] as string));
      const { first, last } = context.keyGroups;
      const description = { ...keyed, tables: tables as unknown as Json } as Json;
      return { handle: { backend: "rocksdb", keyGroups: [first, last], files: names, description }, files: references };
    });
    result.catch(() => undefined);
    this.#last = result.catch(() => undefined);
    return { result };
  }

  async close(): Promise<void> {
    await this.#last;
  }

  /** A reference for each file, in their order. */
  async #upload(
    live: readonly LiveFile[],
    own: string,
    checkpointId: number,
    files: SnapshotFiles,
    signal: AbortSignal,
  ): Promise<FileReference[]> {
    const { context: { operator, subtask }, mode } = this.#parts;
    const known = this.#uploaded;
    const references = live.map(({ uniqueId }) => (mode === "full" ? undefined : known.get(uniqueId)));
    const waiting = live.map((file, index) => ({ file, index })).filter(({ index }) => references[index] === undefined);
    const uploadNext = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const { file: { name, uniqueId }, index } = next;
        const id = mode === "full" ? `${uniqueId.toLowerCase()}-${checkpointId}` : uniqueId.toLowerCase();
        references[index] = await files.addFile(join(own, name), `${files.generation}-${operator}-${subtask}-${id}.sst`, signal);
      }
    };
    await Promise.all(Array.from({ length: uploadsAtOnce }, uploadNext));
    const all = references as FileReference[];
    this.#uploaded = new Map(live.map(({ uniqueId }, index) => [uniqueId, all[index] as FileReference]));
    return all;
  }
}

/** What our rocksdb backend must know to import a table. */
function tableOf(file: LiveFile, name: string): object {
  const { uniqueId, level, epoch, smallestKey, largestKey } = file;
  const { smallestSequence, largestSequence, smallestInternalKey, largestInternalKey } = file;
  return {
    name, uniqueId, level, smallestSequence, largestSequence, smallestInternalKey, largestInternalKey, smallestKey, largestKey, epoch,
  };
}
