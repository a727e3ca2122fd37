import {
  ByteWriter,
  describeKeyed,
  EntryFileWriter,
  type EntryVisitor,
  type Freezable,
  HeapExport,
  type KeyedDescription,
  type KeyedStateContext,
  type KeyedStateResult,
  type KeyedStateSnapshot,
  type KeySerializer,
  StateError,
  type StateExport,
  type StateRegistry,
  yieldTurn,
} from "@tidemark/core/state";
import type { SnapshotFiles } from "@tidemark/core/storage";
import type { StoredEntries } from "./memory-restore.js";

/** Entries encoded before other work gets a turn: so few that a record hardly waits for them. */
const entriesPerTurn = 512;

type SnapshotContext = Pick<KeyedStateContext<never>, "operator" | "subtask" | "keyGroups" | "maxParallelism"> & {
  readonly keySerializer: Pick<KeySerializer<never>, "keySnapshot">;
};

/** Writes frozen states to a checkpoint in the background, one snapshot at a time. */
export class MemorySnapshotWriter {
  readonly #context: SnapshotContext;
  readonly #registry: StateRegistry;
  #current: Promise<unknown> | undefined;
  #export: StateExport | undefined;
  #abort: AbortController | undefined;
  /** Bytes an entry took in the last snapshot; a guess before the first. */
  averageEntryBytes = 64;

  constructor(context: SnapshotContext, registry: StateRegistry) {
    this.#context = context;
    this.#registry = registry;
  }

  /** Freezes the states at once; the returned result resolves when they are written. */
  start(
    id: number,
    states: readonly Freezable[],
    undeclared: ReadonlyMap<number, StoredEntries>,
    files: SnapshotFiles,
    signal: AbortSignal,
  ): KeyedStateSnapshot {
    this.#requireThawed();
    for (const state of states) state.freeze();
    const kept = new Map(undeclared);
    const description = describeKeyed(this.#context, this.#registry.describe());
    this.#abort = new AbortController();
    const result = this.#write(id, states, kept, description, files, AbortSignal.any([signal, this.#abort.signal])).finally(() => {
      for (const state of states) state.release();
      this.#current = undefined;
    });
    this.#current = result.catch(() => undefined);
    return { result };
  }

  /** Freezes the states at once, for an export; they stay frozen until it is closed. */
  export(states: readonly Freezable[], undeclared: ReadonlyMap<number, StoredEntries>): StateExport {
    this.#requireThawed();
    this.#export = new HeapExport({
      states: this.#registry.describe(),
      keyGroups: this.#context.keyGroups,
      contents: states,
      undeclared,
      onClose: () => (this.#export = undefined),
    });
    return this.#export;
  }

  async close(): Promise<void> {
    this.#export?.close();
    this.#abort?.abort(new StateError("DISPOSED", "the memory backend was closed while it wrote a snapshot"));
    await this.#current;
  }

  #requireThawed(): void {
    if (this.#current === undefined && this.#export === undefined) return;
    throw new StateError("CHECKPOINT_DECLINED", "the memory backend is still writing the snapshot or savepoint before");
  }

  async #write(
    id: number,
    states: readonly Freezable[],
    undeclared: ReadonlyMap<number, StoredEntries>,
    description: KeyedDescription,
    files: SnapshotFiles,
    signal: AbortSignal,
  ): Promise<KeyedStateResult> {
    // Records wait for what is done before this: opening a file need not be.
    await yieldTurn();
    const counter = { entries: 0 };
    const { operator, subtask, keyGroups } = this.#context;
    const name = `${files.generation}-${operator}-${subtask}-${id}.entries`;
    const file = await files.writeFile(name, encode(states, undeclared, counter, signal), signal);
    if (counter.entries > 0) this.averageEntryBytes = file.sizeBytes / counter.entries;
    return {
      handle: {
        backend: "memory",
        keyGroups: [keyGroups.first, keyGroups.last],
        files: [name],
        description: { ...description, entries: counter.entries },
      },
      files: [file],
    };
  }
}

async function* encode(
  states: readonly Freezable[],
  undeclared: ReadonlyMap<number, StoredEntries>,
  counter: { entries: number },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const writer = new EntryFileWriter();
  const visit: EntryVisitor = (key, value) => {
    writer.add(key, value);
    counter.entries += 1;
  };
  yield EntryFileWriter.header();
  let nextTurn = entriesPerTurn;
  for (const _ of allEntries(states, undeclared, visit)) {
    if (writer.isBlockFull) {
      const block = writer.takeBlock();
      if (block !== undefined) yield block;
    }
    if (counter.entries < nextTurn) continue;
    nextTurn = counter.entries + entriesPerTurn;
    await yieldTurn();
    signal.throwIfAborted();
  }
  const last = writer.takeBlock();
  if (last !== undefined) yield last;
  yield writer.end();
}

function* allEntries(
  states: readonly Freezable[],
  undeclared: ReadonlyMap<number, StoredEntries>,
  visit: EntryVisitor,
): Iterable<void> {
  for (const state of states) yield* state.frozenEntries(visit);
  const key = new ByteWriter();
  const value = new ByteWriter();
  for (const [stateId, entries] of undeclared) {
    for (const entry of entries) {
      key.reset();
      key.u16be(entry.keyGroup);
      key.u16be(stateId);
      key.raw(entry.key);
      value.reset();
      value.raw(entry.value);
      visit(key, value);
      yield;
    }
  }
}
