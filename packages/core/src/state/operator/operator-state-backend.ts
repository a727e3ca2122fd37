import { yieldTurn } from "../../time/index.js";
import { StateError } from "../../errors/index.js";
import type { FileReference, FileSystem, Json, SnapshotFiles } from "../../storage/index.js";
import { checkStateName } from "../descriptors.js";
import { EntryFileWriter } from "../entries/entry-file-writer.js";
import { ByteWriter, type KeySerializer, sameSnapshot, type TypeSerializer } from "../serializers/index.js";
import type { ListState, MapState } from "../state-kinds.js";
import { HeapBroadcastState } from "./broadcast-state.js";
import { OperatorListState } from "./operator-list-state.js";
import {
  elementsMax, type OperatorStateDescription, type OperatorStateHandle, type Redistribution, statesMax,
} from "./operator-state-description.js";
import { OperatorStateGuard } from "./operator-state-guard.js";
import { restoreOperatorState, type RestoredOperatorState } from "./operator-state-restore.js";
import { incompatible, type StoredElements } from "./stored-elements.js";

/** Most that the operator state of a subtask may hold unless configured otherwise: 256 MiB. */
export const defaultMaxOperatorStateBytes = 256 * 1024 * 1024;
/** Elements written before other work gets a turn. */
const elementsPerTurn = 512;

/** Whose operator state it is, and what to start from. */
export interface OperatorStateContext {
  readonly operator: string;
  readonly subtask: number;
  readonly parallelism: number;
  readonly fileSystem: FileSystem;
  /** Encoded size of all states above which changes throw NO_MEMORY. Default 256 MiB. */
  readonly maxBytes?: number;
  /** State to start from; absent on a fresh start. */
  readonly restore?: RestoredOperatorState;
}

export interface OperatorStateResult {
  readonly handle: OperatorStateHandle;
  /** Every file the handle names. */
  readonly files: readonly FileReference[];
}

interface KnownState {
  readonly redistribution: Redistribution;
  readonly keys: KeySerializer<unknown> | undefined;
  readonly serializer: TypeSerializer<unknown>;
  readonly state: { contents(): StoredElements };
}

/**
 * State of a subtask that belongs to no key: positions of sources, pending writes of sinks, rules that every subtask knows. It lives on the
 * heap; every snapshot holds all of it. Calls are synchronous. Any call after close() throws DISPOSED.
 * @example (await OperatorStateBackend.open(context)).getListState("offsets", int64())
 */
export class OperatorStateBackend {
  readonly #context: OperatorStateContext;
  readonly #guard: OperatorStateGuard;
  readonly #known = new Map<string, KnownState>();
  /** Restored states that the job has not declared (yet): kept as they are, and part of every snapshot. */
  readonly #undeclared: Map<string, StoredElements>;

  private constructor(context: OperatorStateContext, guard: OperatorStateGuard, restored: Map<string, StoredElements>) {
    this.#context = context;
    this.#guard = guard;
    this.#undeclared = restored;
  }

  /**
   * Opens the operator state of one subtask. Restored at another parallelism, even-split lists are dealt out anew. Throws
   * INVALID_ARGUMENT, CHECKPOINT_DAMAGED, CHECKPOINT_FILE_DAMAGED.
   */
  static async open(context: OperatorStateContext): Promise<OperatorStateBackend> {
    const { subtask, parallelism, maxBytes = defaultMaxOperatorStateBytes } = context;
    if (!Number.isSafeInteger(parallelism) || !Number.isSafeInteger(subtask) || subtask < 0 || subtask >= parallelism) {
      throw new StateError("INVALID_ARGUMENT", `there is no subtask ${subtask} of ${parallelism}; count subtasks from 0`);
    }
    if (!(maxBytes > 0)) throw new StateError("INVALID_ARGUMENT", `maxBytes must be a positive number, not ${String(maxBytes)}`);
    const restored = context.restore === undefined ? undefined : await restoreOperatorState(context.fileSystem, context.restore, context);
    const guard = new OperatorStateGuard(maxBytes);
    for (const { elements } of restored?.values() ?? []) {
      for (const { key, bytes } of elements) guard.restored(bytes.length + (key?.length ?? 0));
    }
    return new OperatorStateBackend(context, guard, restored ?? new Map<string, StoredElements>());
  }

  /** Encoded size of all states. */
  get sizeBytes(): number {
    return this.#guard.sizeBytes;
  }

  /** A list whose elements are dealt out to the subtasks when the parallelism changes. Throws STATE_NAME_CONFLICT, STATE_INCOMPATIBLE. */
  getListState<T>(name: string, serializer: TypeSerializer<T>): ListState<T> {
    return this.#list("even-split", name, serializer);
  }

  /** A list of which every subtask is given the elements of all at a restore, and keeps what it needs. Throws like getListState(). */
  getUnionListState<T>(name: string, serializer: TypeSerializer<T>): ListState<T> {
    return this.#list("union", name, serializer);
  }

  /**
   * A map that is the same in every subtask, because every subtask makes the same changes to it. Iterates in the byte order of the encoded
   * keys. Throws like getListState().
   */
  getBroadcastState<K, V>(name: string, keys: KeySerializer<K>, serializer: TypeSerializer<V>): MapState<K, V> {
    const create = (restored: StoredElements): HeapBroadcastState<K, V> => new HeapBroadcastState(this.#guard, keys, serializer, restored);
    return this.#declare("broadcast", name, serializer as TypeSerializer<unknown>, keys as unknown as KeySerializer<unknown>, create);
  }

  /**
   * Fixes the contents at the call, in time proportional to the number of elements (some nanoseconds each), and writes them while they may
   * change again. Resolves when the file is in the checkpoint. `checkpointId` is part of its name. Throws DISPOSED, the signal's reason.
   */
  snapshot(checkpointId: number, files: SnapshotFiles, signal: AbortSignal): Promise<OperatorStateResult> {
    this.#guard.requireOpen();
    const contents = [...this.#known.values()].map(({ state }) => state.contents());
    const result = this.#write([...contents, ...this.#undeclared.values()], checkpointId, files, signal);
    // Whoever waits sees the failure; whoever gave the checkpoint up need not.
    result.catch(() => undefined);
    return result;
  }

  /** Safe to call twice. Snapshots under way go on: their contents are fixed. */
  close(): void {
    this.#guard.close();
  }

  #list<T>(redistribution: "even-split" | "union", name: string, serializer: TypeSerializer<T>): ListState<T> {
    const create = (restored: StoredElements): OperatorListState<T> => new OperatorListState(this.#guard, serializer, restored);
    return this.#declare(redistribution, name, serializer as TypeSerializer<unknown>, undefined, create);
  }

  #declare<S extends { contents(): StoredElements }>(
    redistribution: Redistribution,
    name: string,
    serializer: TypeSerializer<unknown>,
    keys: KeySerializer<unknown> | undefined,
    create: (restored: StoredElements) => S,
  ): S {
    this.#guard.requireOpen();
    checkStateName(name);
    const known = this.#known.get(name);
    const declared = { redistribution, keys, serializer };
    if (known !== undefined) {
      if (isSame(known, declared)) return known.state as S;
      const message = `two operator states are named "${name}" but differ in kind or type; give one another name`;
      throw new StateError("STATE_NAME_CONFLICT", message, { details: { state: name } });
    }
    const restored = this.#undeclared.get(name);
    if (restored !== undefined && restored.redistribution !== redistribution) {
      throw incompatible(name, `it is stored as ${restored.redistribution} state and declared as ${redistribution} state`);
    }
    if (restored === undefined && this.#known.size + this.#undeclared.size >= statesMax) {
      throw new StateError("INVALID_ARGUMENT", `an operator can have at most ${statesMax} operator states`);
    }
    const state = create(restored ?? { name, redistribution, schemas: [serializer.snapshot()], elements: [] });
    this.#undeclared.delete(name);
    this.#known.set(name, { ...declared, state });
    return state;
  }

  async #write(states: readonly StoredElements[], id: number, files: SnapshotFiles, signal: AbortSignal): Promise<OperatorStateResult> {
    const { operator, subtask, parallelism } = this.#context;
    const name = `${files.generation}-${operator}-${subtask}-${id}.operator`;
    const file = await files.writeFile(name, encode(states, signal), signal);
    const description: OperatorStateDescription = {
      subtask,
      parallelism,
      states: states.map(({ elements, ...state }, index) => ({ id: index + 1, ...state, count: elements.length })),
    };
    return { handle: { files: [name], description: description as unknown as Json }, files: [file] };
  }
}

function isSame(known: KnownState, declared: Omit<KnownState, "state">): boolean {
  if (known.redistribution !== declared.redistribution) return false;
  if (!sameSnapshot(known.serializer.snapshot(), declared.serializer.snapshot())) return false;
  return known.keys === declared.keys || sameSnapshot(known.keys?.keySnapshot(), declared.keys?.keySnapshot());
}

/** An entry file: `state id (2) | position (4)` or `state id (2) | map key`, and the stored value. */
async function* encode(states: readonly StoredElements[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const writer = new EntryFileWriter();
  yield EntryFileWriter.header();
  const key = new ByteWriter();
  const value = new ByteWriter();
  let untilTurn = elementsPerTurn;
  for (const [index, { name, elements }] of states.entries()) {
    if (elements.length > elementsMax) {
      throw new StateError("VALUE_TOO_LARGE", `operator state "${name}" has more than ${elementsMax} elements`);
    }
    for (const [position, element] of elements.entries()) {
      key.reset();
      key.u16be(index + 1);
      if (element.key === undefined) key.u32be(position);
      else key.raw(element.key);
      value.reset();
      value.raw(element.bytes);
      writer.add(key, value);
      if (writer.isBlockFull) yield writer.takeBlock() as Uint8Array;
      untilTurn -= 1;
      if (untilTurn > 0) continue;
      untilTurn = elementsPerTurn;
      await yieldTurn();
      signal.throwIfAborted();
    }
  }
  const last = writer.takeBlock();
  if (last !== undefined) yield last;
  yield writer.end();
}
