import {
  isSavepoint,
  type KeyedStateContext,
  type MemoryGuard,
  readEntryFile,
  restoredRegistry,
  type RestoredState,
  restoreSavepoint,
  StateError,
  type StateRegistry,
} from "@tidemark/core/state";
import type { FileReference, FileSystem } from "@tidemark/core/storage";
import { describedBy, type FsDescription } from "./description.js";
import { LogOverlay, type StoredEntries } from "./log/log-overlay.js";
import { type LogPosition, operations, parseSegment, type ParsedSegment, type RecordConsumer } from "./log/segment-format.js";

/** Files of a checkpoint that the next ones can go on naming. */
export interface RestoredChain {
  readonly base: { readonly seq: number; readonly reference: FileReference } | undefined;
  readonly segments: readonly { readonly firstSeq: number; readonly lastSeq: number; readonly reference: FileReference }[];
}

/** What a checkpoint, a savepoint or a local log held. */
export interface FsRestored {
  readonly registry: StateRegistry;
  /** Entries as stored, by state id. */
  readonly entries: Map<number, StoredEntries>;
  /** Changes go on with the next number. */
  readonly lastSeq: number;
}

export interface RestoredCheckpoint extends FsRestored {
  /** Undefined for a savepoint and where several subtasks' logs come together. */
  readonly position: LogPosition | undefined;
  readonly chain: RestoredChain | undefined;
}

/**
 * Reads the entries of this subtask's key groups. Throws BACKEND_MISMATCH, CHECKPOINT_DAMAGED, CHECKPOINT_FILE_DAMAGED,
 * MAX_PARALLELISM_MISMATCH, NO_MEMORY, STATE_INCOMPATIBLE.
 */
export async function restoreCheckpoint<K>(
  context: KeyedStateContext<K>,
  restore: RestoredState,
  guard: MemoryGuard,
): Promise<RestoredCheckpoint> {
  const overlay = new LogOverlay(context.keyGroups, guard);
  if (isSavepoint(restore)) {
    const registry = await restoreSavepoint(context, restore, (key, value) => overlay.base(key, value));
    return { registry, entries: overlay.finish(), lastSeq: 0, position: undefined, chain: undefined };
  }
  const described = restore.handles.map((handle) => ({ handle, description: describedBy(handle) }));
  const registry = restoredRegistry(context, restore.handles);
  const { first, last } = context.keyGroups;
  let lastSeq = 0;
  for (const { handle, description } of described) {
    if (handle.keyGroups[0] > last || handle.keyGroups[1] < first) continue;
    lastSeq = Math.max(lastSeq, description.seq);
    await readFiles(context.fileSystem, description, restore, overlay);
  }
  const entries = overlay.finish();
  const [only] = described;
  if (only === undefined || described.length > 1 || only.handle.keyGroups[0] !== first || only.handle.keyGroups[1] !== last) {
    return { registry, entries, lastSeq, position: undefined, chain: undefined };
  }
  const { log, seq } = only.description;
  return { registry, entries, lastSeq, position: { log, seq }, chain: chainOf(only.description, restore) };
}

/** The log position of a checkpoint, without reading its files; undefined as in RestoredCheckpoint. */
export function positionOf(restore: RestoredState): LogPosition | undefined {
  const [handle] = restore.handles;
  if (handle === undefined || restore.handles.length > 1 || isSavepoint(restore)) return undefined;
  const { log, seq } = describedBy(handle);
  return { log, seq };
}

/** Reads a segment file whole: at most segmentBytes and one record. */
export async function readSegment(fileSystem: FileSystem, path: string, firstSeq: number, consume: RecordConsumer): Promise<ParsedSegment> {
  const file = await fileSystem.openForRead(path);
  try {
    return parseSegment(await file.read(0, file.sizeBytes), firstSeq, consume);
  } finally {
    await file.close();
  }
}

async function readFiles(
  fileSystem: FileSystem,
  { base, segments }: FsDescription,
  restore: RestoredState,
  overlay: LogOverlay,
): Promise<void> {
  for (const { file, firstSeq, lastSeq } of segments) {
    const { path } = restore.file(file);
    const found = await readSegment(fileSystem, path, firstSeq, (operation, key, value) => {
      if (operation < operations.commit) overlay.apply(operation, key, value);
    });
    const problem = found.problem ?? (found.lastSeq === lastSeq ? undefined : `it ends with change ${found.lastSeq} instead of ${lastSeq}`);
    if (problem === undefined) continue;
    throw new StateError("CHECKPOINT_FILE_DAMAGED", `${path} is damaged: ${problem}; restore an older checkpoint`, { details: { path } });
  }
  if (base === null) return;
  await readEntryFile(fileSystem, restore.file(base.file).path, (key, value) => {
    key.need(4);
    overlay.base(key, value);
  });
}

function chainOf({ base, segments }: FsDescription, restore: RestoredState): RestoredChain {
  return {
    base: base === null ? undefined : { seq: base.seq, reference: restore.file(base.file).reference },
    segments: segments.map(({ file, firstSeq, lastSeq }) => ({ firstSeq, lastSeq, reference: restore.file(file).reference })),
  };
}
