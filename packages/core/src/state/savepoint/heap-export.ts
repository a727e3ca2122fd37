import { StateError } from "../../errors/index.js";
import type { Json } from "../../storage/index.js";
import type { EntryConsumer } from "../entries/entry-file-reader.js";
import type { EntryVisitor, Freezable } from "../heap/heap-state.js";
import { hasKeyGroup, keyGroupCount, type KeyGroupRange } from "../key-groups.js";
import { ByteWriter } from "../serializers/index.js";
import { SortedRuns } from "./sorted-runs.js";
import type { StateExport } from "./state-export.js";

/** Entries that a heap backend keeps as bytes, because the job has not declared their state: `key` without the stored key's prefix. */
export type UndeclaredEntries = ReadonlyMap<
  number,
  readonly { readonly keyGroup: number; readonly key: Uint8Array; readonly value: Uint8Array }[]
>;

export interface HeapExportOptions {
  /** StateRegistry.describe(). */
  readonly states: Json;
  readonly keyGroups: KeyGroupRange;
  /** Frozen here and released by close(). */
  readonly contents: readonly Freezable[];
  /** By state id. */
  readonly undeclared: UndeclaredEntries;
  readonly onClose?: () => void;
  /** Encoded entries in memory at a time, unless one key group alone has more. Default 32 MiB. */
  readonly budgetBytes?: number;
}

/** What an entry is taken to need before the first ones were seen. */
const guessedEntryBytes = 64;

/**
 * Sorted entries of collections on the heap. They are frozen, then encoded and sorted a few key groups at a time: each pass goes over all
 * entries and takes those of its key groups, so that memory is bounded by the budget or by the largest key group.
 */
export class HeapExport implements StateExport {
  readonly states: Json;
  readonly #options: HeapExportOptions;
  readonly #undeclared: UndeclaredEntries;
  #isClosed = false;

  constructor(options: HeapExportOptions) {
    this.#options = options;
    this.states = options.states;
    this.#undeclared = new Map(options.undeclared);
    for (const contents of options.contents) contents.freeze();
  }

  *entries(visit: EntryConsumer): Generator<void, void, undefined> {
    const { keyGroups, budgetBytes = 32 * 1024 * 1024 } = this.#options;
    const guessedBytes = this.#entryCount() * guessedEntryBytes;
    // Keys spread evenly over key groups, so this many should fit into the budget; the passes tell how many do.
    let span = Math.max(1, Math.floor((keyGroupCount(keyGroups) * budgetBytes) / Math.max(1, guessedBytes)));
    for (let first = keyGroups.first; first <= keyGroups.last; ) {
      const wanted = { first, last: Math.min(keyGroups.last, first + span - 1) };
      const runs = new SortedRuns();
      const taken = yield* this.#collect(runs, wanted, budgetBytes);
      // Doubling keeps the passes few where some key groups are much larger than others.
      span = keyGroupCount(taken) * (runs.sizeBytes > budgetBytes / 2 ? 1 : 2);
      for (const step of runs.entries(visit)) {
        this.#requireOpen();
        yield step;
      }
      first = taken.last + 1;
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const contents of this.#options.contents) contents.release();
    this.#options.onClose?.();
  }

  /** Collects the entries of key groups: of all that were wanted, or of the first ones where these exceed the budget. */
  *#collect(runs: SortedRuns, wanted: KeyGroupRange, budgetBytes: number): Generator<void, KeyGroupRange, undefined> {
    let taken = wanted;
    const visit: EntryVisitor = (key, value) => {
      if (hasKeyGroup(taken, key.view.getUint16(0, false))) runs.add(key, value);
    };
    this.#requireOpen();
    for (const step of this.#visitAll(visit, wanted)) {
      yield step;
      this.#requireOpen();
      while (runs.sizeBytes > budgetBytes && taken.last > taken.first) {
        taken = { first: taken.first, last: (taken.first + taken.last) >> 1 };
        yield* runs.retain((key) => hasKeyGroup(taken, key.u16be()));
        this.#requireOpen();
      }
    }
    return taken;
  }

  *#visitAll(visit: EntryVisitor, wanted: KeyGroupRange): Generator<void, void, undefined> {
    for (const contents of this.#options.contents) yield* contents.frozenEntries(visit, wanted);
    yield* this.#visitUndeclared(visit, wanted);
  }

  *#visitUndeclared(visit: EntryVisitor, wanted: KeyGroupRange): Generator<void, void, undefined> {
    const key = new ByteWriter({ tooLargeCode: "KEY_TOO_LARGE" });
    const value = new ByteWriter();
    for (const [stateId, entries] of this.#undeclared) {
      for (const entry of entries) {
        if (hasKeyGroup(wanted, entry.keyGroup)) {
          key.reset();
          key.u16be(entry.keyGroup);
          key.u16be(stateId);
          key.raw(entry.key);
          value.reset();
          value.raw(entry.value);
          visit(key, value);
        }
        yield;
      }
    }
  }

  #entryCount(): number {
    let count = 0;
    for (const contents of this.#options.contents) count += contents.size;
    for (const entries of this.#undeclared.values()) count += entries.length;
    return count;
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new StateError("DISPOSED", "the state was closed while it was exported; take the savepoint again");
  }
}
