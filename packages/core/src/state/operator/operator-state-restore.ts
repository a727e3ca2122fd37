import { isStateError, StateError } from "../../errors/index.js";
import type { FileSystem } from "../../storage/index.js";
import type { RestoredState } from "../backend.js";
import { readEntryFile } from "../entries/entry-file-reader.js";
import { sameSnapshot, type SerializerSnapshot } from "../serializers/index.js";
import {
  type DescribedState,
  type OperatorStateDescription,
  type OperatorStateHandle,
  operatorStateDamaged,
  parseOperatorState,
  schemasMax,
} from "./operator-state-description.js";
import type { Element, StoredElements } from "./stored-elements.js";

/** What an operator state is restored from: the handles of all subtasks that took part in the checkpoint. */
export interface RestoredOperatorState {
  readonly handles: readonly OperatorStateHandle[];
  /** Looks up a file that a handle names, as in RestoredState. */
  readonly file: RestoredState["file"];
}

/** The subtask whose share is wanted. */
export interface Share {
  readonly subtask: number;
  readonly parallelism: number;
}

interface Part extends OperatorStateDescription {
  readonly path: string;
}

/** A state while it is put together from several subtasks. */
interface Gathered extends Omit<StoredElements, "schemas" | "elements"> {
  readonly schemas: SerializerSnapshot[];
  readonly elements: Element<unknown>[];
}

/**
 * The share of one subtask in what all subtasks stored, by state name. Even-split: at the same parallelism what it had, at another one
 * element after the other goes around the subtasks. Union: the elements of all subtasks, in their order. Broadcast: one subtask's copy.
 * Throws CHECKPOINT_DAMAGED, CHECKPOINT_FILE_DAMAGED, STATE_INCOMPATIBLE.
 */
export async function restoreOperatorState(
  fileSystem: FileSystem,
  restore: RestoredOperatorState,
  share: Share,
): Promise<Map<string, StoredElements>> {
  const parts = partsOf(restore);
  requireEqualCopies(parts);
  const gathered = new Map<string, Gathered>();
  /** Even-split elements of earlier subtasks, by state. */
  const passed = new Map<string, number>();
  for (const part of parts) {
    const takers = new Map<number, Taker>();
    for (const state of part.states) {
      const before = passed.get(state.name) ?? 0;
      passed.set(state.name, before + state.count);
      takers.set(state.id, new Taker(state, gather(gathered, state), isWanted(state, part, parts.length, share, before)));
    }
    await readPart(fileSystem, part, takers);
  }
  return gathered;
}

/** The parts in the order of their subtasks, complete. */
function partsOf(restore: RestoredOperatorState): Part[] {
  const parts = restore.handles.map((handle) => ({ ...parseOperatorState(handle), path: restore.file(handle.files[0] as string).path }));
  parts.sort((left, right) => left.subtask - right.subtask);
  for (const [index, { subtask, parallelism }] of parts.entries()) {
    if (parallelism !== parts.length || subtask !== index) {
      const found = `there are ${parts.length} handles, one of them of subtask ${subtask} of ${parallelism}`;
      throw operatorStateDamaged(`${found}; those of all subtasks are needed, each once`);
    }
  }
  if (parts.length === 0) throw operatorStateDamaged("it has no handle");
  return parts;
}

/** A subtask that never declared a broadcast state is one that has no entries. */
function requireEqualCopies(parts: readonly Part[]): void {
  const [first] = parts;
  for (const { name } of parts.flatMap(({ states }) => states.filter(({ redistribution }) => redistribution === "broadcast"))) {
    const countOf = (part: Part | undefined): number => part?.states.find((state) => state.name === name)?.count ?? 0;
    const other = parts.find((part) => countOf(part) !== countOf(first));
    if (other !== undefined) {
      throw operatorStateDamaged(
        `subtask 0 has ${countOf(first)} entries of broadcast state "${name}" and subtask ${other.subtask} has ${countOf(other)}; ` +
          "every subtask must make the same changes",
      );
    }
  }
}

/** Adds a subtask's state to those gathered. Throws STATE_INCOMPATIBLE when another subtask has it with another kind. */
function gather(gathered: Map<string, Gathered>, state: DescribedState): Gathered {
  const known = gathered.get(state.name);
  if (known === undefined) {
    const { name, redistribution, key } = state;
    const added: Gathered = { name, redistribution, ...(key === undefined ? {} : { key }), schemas: [], elements: [] };
    gathered.set(name, added);
    return added;
  }
  if (known.redistribution !== state.redistribution || !(known.key === state.key || sameSnapshot(known.key, state.key))) {
    throw operatorStateDamaged(`its subtasks disagree about the kind of state "${state.name}"`);
  }
  return known;
}

/** Which positions of a subtask's elements the share has. */
function isWanted(state: DescribedState, part: Part, parallelism: number, share: Share, before: number): (position: number) => boolean {
  switch (state.redistribution) {
    case "union":
      return () => true;
    case "broadcast":
      return () => part.subtask === share.subtask % parallelism;
    case "even-split":
      if (parallelism === share.parallelism) return () => part.subtask === share.subtask;
      return (position) => (before + position) % share.parallelism === share.subtask;
  }
}

/** Takes the elements of one state of one subtask. */
class Taker {
  readonly #state: DescribedState;
  readonly #into: Gathered;
  readonly #isWanted: (position: number) => boolean;
  /** The subtask's schema versions as those of the gathered state. */
  readonly #versions: readonly number[];
  next = 0;
  #lastKey: Uint8Array | undefined;

  constructor(state: DescribedState, into: Gathered, isWanted: (position: number) => boolean) {
    this.#state = state;
    this.#into = into;
    this.#isWanted = isWanted;
    this.#versions = state.schemas.map((schema) => versionOf(into, schema));
  }

  /** `key` is what stands behind the state id. Throws CHECKPOINT_DAMAGED. */
  take(key: Uint8Array, value: Uint8Array): void {
    const position = this.next;
    this.next += 1;
    const version = this.#versions[value[0] ?? schemasMax];
    if (version === undefined) {
      throw operatorStateDamaged(`an element of state "${this.#state.name}" has a schema that the state never had`);
    }
    const isAbove = this.#lastKey === undefined || Buffer.compare(this.#lastKey, key) < 0;
    if (this.#state.key === undefined ? !isPosition(key, position) : !isAbove) {
      throw operatorStateDamaged(`the elements of state "${this.#state.name}" are out of order`);
    }
    this.#lastKey = key;
    if (!this.#isWanted(position)) return;
    value[0] = version;
    this.#into.elements.push(this.#state.key === undefined ? { bytes: value } : { bytes: value, key });
  }

  requireAll(): void {
    if (this.next !== this.#state.count) {
      throw operatorStateDamaged(`state "${this.#state.name}" has ${this.next} elements and should have ${this.#state.count}`);
    }
  }
}

function isPosition(key: Uint8Array, position: number): boolean {
  return key.length === 4 && Buffer.from(key).readUInt32BE() === position;
}

function versionOf(into: Gathered, schema: SerializerSnapshot): number {
  const known = into.schemas.findIndex((each) => sameSnapshot(each, schema));
  if (known >= 0) return known;
  if (into.schemas.length === schemasMax) {
    const message = `operator state "${into.name}" has had more than ${schemasMax} schemas; give the state another name`;
    throw new StateError("STATE_INCOMPATIBLE", message);
  }
  return into.schemas.push(schema) - 1;
}

async function readPart(fileSystem: FileSystem, part: Part, takers: ReadonlyMap<number, Taker>): Promise<void> {
  try {
    await readEntryFile(fileSystem, part.path, (key, value) => {
      const taker = takers.get(key.u16be());
      if (taker === undefined) throw operatorStateDamaged(`${part.path} has elements of a state that is not described`);
      taker.take(key.copy(key.remaining), value.copy(value.remaining));
    });
  } catch (error) {
    if (isStateError(error) && error.code === "STATE_CORRUPT") throw operatorStateDamaged(error.message, error);
    throw error;
  }
  for (const taker of takers.values()) taker.requireAll();
}
