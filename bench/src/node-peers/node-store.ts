import { WrongResultError } from "../question.js";

/** Where a store keeps its files, and what it is given. */
export interface StoreOptions {
  /** Empty, or what the same store left there. */
  readonly directory: string;
  /** For caches and write buffers together, where a store has such settings. */
  readonly memoryBytes: number;
}

/** Looks at a value that was read; it may be overwritten after the call. `index` is its place among the keys asked for. */
export type Visit = (value: Uint8Array | undefined, index: number) => void;

/** A store whose calls are asynchronous is awaited, one whose calls are not costs no promise. */
type Done = void | Promise<void>;

/**
 * A store of bytes by text keys, used the best way that it offers. Its loops are its own, so that a store with synchronous calls pays for
 * no promise, and one with transactions decides where they begin.
 */
export interface NodeStore {
  /** Its version, for the rows. */
  readonly build: string;
  /** Writes values; the fastest way, which is not measured. `values[i]` belongs to `keys[i]` and to the store from here on. */
  put(keys: readonly string[], values: readonly Buffer[]): Done;
  /** Reads one key after the other: the next is asked for when the one before is there. */
  get(keys: readonly string[], visit: Visit): Done;
  /** Reads all keys in the call that is best for many. */
  getBatch(keys: readonly string[], visit: Visit): Done;
  /** Adds one to the counter in each value, one key after the other. A key may come twice. */
  readModifyWrite(keys: readonly string[]): Done;
  /** The same in the calls that are best for many. */
  readModifyWriteBatch(keys: readonly string[]): Done;
  /** Leaves a durable copy of all entries as they were at the call. It replaces the one before, complete or not at all. */
  snapshot(): Promise<void>;
  close(): Promise<void>;
}

export interface NodeStoreKind {
  /** Throws when its package is missing or does not work here. */
  open(options: StoreOptions): Promise<NodeStore>;
  /** Opens the last snapshot of a store that was closed, and visits every entry of it. */
  readSnapshot(options: StoreOptions, visit: (key: string, value: Uint8Array) => void): Promise<void>;
}

/** Adds one to the counter in the first four bytes of a value (little-endian). Throws WrongResultError when there is no value. */
export function increment<V extends Uint8Array>(value: V | null | undefined, key: string): V {
  if (value === null || value === undefined || value.length < 4) throw new WrongResultError(`key ${key} has no value to add to`);
  for (let at = 0; at < 4; at += 1) {
    const sum = (value[at] as number) + 1;
    value[at] = sum;
    if (sum <= 0xff) break;
  }
  return value;
}

/** What to write after the values of some keys were read at once: a key that comes twice counts twice. Takes the values over. */
export function incrementAll<V extends Uint8Array>(keys: readonly string[], values: readonly (V | undefined)[]): Map<string, V> {
  const changed = new Map<string, V>();
  for (const [index, key] of keys.entries()) changed.set(key, increment(changed.get(key) ?? values[index], key));
  return changed;
}
