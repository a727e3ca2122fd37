import { join } from "node:path";
import { isStateError, StateError } from "../errors/index.js";
import type { CompletedCheckpoint } from "./checkpoint-storage.js";
import { commitFormat, decodeCommitRecord, encodeCommitRecord, type CommitRecord } from "./commit-record.js";
import { createIfAbsent, isUnclear, unclearCreation } from "./create-if-absent.js";
import { errnoOf } from "./file-errors.js";
import type { FileSystem } from "./file-system.js";
import { damaged } from "./framed-json.js";
import { slotFileName, slotOf, temporaryName } from "./names.js";

export interface CommitLogOptions {
  readonly fileSystem: FileSystem;
  /** The commits/ directory of a job. */
  readonly directory: string;
  /** A text that no other call returns, in this or another process. */
  readonly nonce: () => string;
  readonly now?: () => number;
  /** What was read before: a slot's record never changes, so those that are still part of the log need not be read again. */
  readonly known?: CommitLogState;
}

/** The log as it was read: the records of slots firstSlot..lastSlot. */
export interface CommitLogState {
  /** 0 when the log is empty. */
  readonly lastSlot: number;
  readonly firstSlot: number;
  /** Of the newest record; 0 when the log is empty. */
  readonly generation: number;
  readonly oldestCheckpoint: number;
  /** By slot, ascending. */
  readonly records: ReadonlyMap<number, CommitRecord>;
}

/** What an append says; the log adds slot bounds, nonce and time. */
export type CommitEntry =
  | { readonly kind: "fence"; readonly generation: number }
  | { readonly kind: "checkpoint"; readonly generation: number; readonly checkpoint: number; readonly manifestSha256: string }
  | { readonly kind: "subsume"; readonly generation: number; readonly oldestCheckpoint: number }
  | { readonly kind: "rollback"; readonly generation: number; readonly checkpoint: number };

/** Records that stay readable for people, whether or not anything needs them. */
const keptSlots = 16;
/** A reader that meets files being pruned lists again; each time the log has moved on by many slots. */
const readAttempts = 8;
/** Records read at the same time. */
const readsTogether = 16;

/**
 * The order of everything that coordinators of a job decided: files commits/<slot>.json, consecutive, each created if absent (rule 19).
 * Whoever creates the next slot has decided; a new coordinator's fence is such a slot, so an older one loses the next.
 *
 * Why old slots can be pruned although a coordinator may sleep between looking for the next slot and creating it: it could then
 * create a slot that had been taken and pruned. (1) Every record says with `firstSlot` where the log begins, and only slots below the
 * newest record's are deleted; so what the sleeper creates lies below `firstSlot` and no reader takes it for part of the log.
 * (2) After creating a slot a coordinator lists the directory again and has won only if there is none above. At pruning time there
 * were at least 16 above the sleeper's, the newest of which is never deleted, so the sleeper sees one and stops for good.
 */
export class CommitLog {
  readonly #options: CommitLogOptions;
  /** The last state read or won; undefined before the first. */
  #state: CommitLogState | undefined;
  #failure: StateError | undefined;

  constructor(options: CommitLogOptions) {
    this.#options = options;
    this.#state = options.known;
  }

  /** Why nothing can be appended any more: a takeover, or an append of which it is not known whether it happened. */
  get failure(): StateError | undefined {
    return this.#failure;
  }

  /** Reads the log afresh. Throws CHECKPOINT_DAMAGED when a slot is missing, unreadable or out of order. */
  async read(): Promise<CommitLogState> {
    let missing = 0;
    for (let attempt = 0; attempt < readAttempts; attempt += 1) {
      const slots = await this.#listSlots();
      const lastSlot = slots.at(-1);
      if (lastSlot === undefined) {
        return (this.#state = { lastSlot: 0, firstSlot: 1, generation: 0, oldestCheckpoint: 1, records: new Map() });
      }
      const records = await this.#readRecords(lastSlot);
      if (typeof records !== "number") {
        const newest = records.get(lastSlot) as CommitRecord;
        const { generation, firstSlot, oldestCheckpoint } = newest;
        return (this.#state = { lastSlot, firstSlot, generation, oldestCheckpoint, records });
      }
      missing = records;
    }
    const path = this.#path(missing);
    throw damaged("shape", path, "this record is missing although the log goes on after it");
  }

  /**
   * Wins the next slot and returns its number. Throws COORDINATOR_FENCED when another coordinator's record is there instead, NO_SPACE,
   * DIRECTORY_NOT_WRITABLE or IO; when `isUnclear(error)` the record may exist and only a new coordinator can find out. After these
   * and COORDINATOR_FENCED every append throws the same.
   */
  async append(entry: CommitEntry): Promise<number> {
    try {
      return await this.#tryAppend(entry);
    } catch (error) {
      if (isStateError(error) && (isUnclear(error) || (entry.kind !== "fence" && error.code === "COORDINATOR_FENCED"))) {
        this.#failure = error;
      }
      throw error;
    }
  }

  async #tryAppend(entry: CommitEntry): Promise<number> {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    await this.requirePresent();
    const state = this.#state ?? (await this.read());
    if (state.generation > entry.generation || (entry.kind === "fence" && state.generation === entry.generation)) {
      throw fenced(entry.generation, state.generation);
    }
    const slot = state.lastSlot + 1;
    const record = this.#complete(entry, slot, state);
    const nonce = record.nonce;
    const name = slotFileName(slot);
    const target = { directory: this.#options.directory, name, temporaryName: temporaryName(entry.generation, nonce, name) };
    if (!(await createIfAbsent(this.#options.fileSystem, target, encodeCommitRecord(record)))) {
      const { generation } = await this.read();
      throw fenced(entry.generation, generation);
    }
    const slots = await this.#listSlots().catch((error: unknown) => {
      throw unclearCreation(name, error);
    });
    if ((slots.at(-1) ?? slot) > slot) {
      throw fenced(entry.generation, undefined);
    }
    const { generation, firstSlot, oldestCheckpoint } = record;
    const records = new Map([...state.records].filter(([each]) => each >= firstSlot)).set(slot, record);
    this.#state = { lastSlot: slot, firstSlot, generation, oldestCheckpoint, records };
    return slot;
  }

  /** Takes over: wins a slot with a generation above every other. Throws COORDINATOR_FENCED when others keep taking over at once. */
  async fence(): Promise<{ readonly slot: number; readonly generation: number; readonly before: CommitLogState }> {
    for (let attempt = 1; ; attempt += 1) {
      const before = await this.read();
      const generation = before.generation + 1;
      // The slot below may be linked but not yet durable; a power cut must not keep ours without it.
      await this.#options.fileSystem.syncDirectory(this.#options.directory);
      try {
        return { slot: await this.append({ kind: "fence", generation }), generation, before };
      } catch (error) {
        // A lost slot is another coordinator's; ours is the later request, so it tries the next.
        if (!isStateError(error) || error.code !== "COORDINATOR_FENCED" || attempt === 100) {
          throw error;
        }
      }
    }
  }

  /**
   * Looks whether the last record that this coordinator read or wrote is still there. Throws FOREIGN_DIRECTORY when somebody removed or
   * replaced the directory, so that nothing is written to what may be another job's; COORDINATOR_FENCED when newer ones pruned it.
   */
  async requirePresent(): Promise<void> {
    const known = this.#state;
    const last = known?.records.get(known.lastSlot);
    if (known === undefined || last === undefined || (await this.#readRecord(known.lastSlot))?.nonce === last.nonce) {
      return;
    }
    this.#state = undefined;
    const { generation } = await this.read().finally(() => (this.#state = known));
    // When the directory is put back, this coordinator goes on.
    throw generation > last.generation ? fenced(last.generation, generation) : removed(this.#options.directory);
  }

  /** Throws COORDINATOR_FENCED unless `generation` still has the newest record, FOREIGN_DIRECTORY as requirePresent() does. */
  async requireHeldBy(generation: number): Promise<CommitLogState> {
    try {
      await this.requirePresent();
    } catch (error) {
      if (isStateError(error) && error.code === "COORDINATOR_FENCED") this.#failure = error;
      throw error;
    }
    const known = this.#state;
    const state = await this.read();
    if (state.generation < generation) {
      this.#state = known;
      throw removed(this.#options.directory);
    }
    if (state.generation > generation) {
      this.#failure = fenced(generation, state.generation);
      throw this.#failure;
    }
    return state;
  }

  /** Deletes the files of slots that are no longer part of the log. Safe for any coordinator at any time: `firstSlot` only grows. */
  async prune(): Promise<void> {
    const { firstSlot } = this.#state ?? (await this.read());
    const old = (await this.#listSlots()).filter((slot) => slot < firstSlot);
    for (const slot of old) {
      await this.#options.fileSystem.removeFile(this.#path(slot));
    }
  }

  #complete(entry: CommitEntry, slot: number, state: CommitLogState): CommitRecord {
    const oldestCheckpoint = entry.kind === "subsume" ? Math.max(entry.oldestCheckpoint, state.oldestCheckpoint) : state.oldestCheckpoint;
    const oldestNeeded = announcedIn({ ...state, oldestCheckpoint })[0]?.slot ?? slot;
    const firstSlot = Math.max(state.firstSlot, Math.min(oldestNeeded, slot - keptSlots + 1));
    const now = this.#options.now;
    const time = now === undefined ? {} : { atMs: Math.floor(now()) };
    return { ...entry, firstSlot, oldestCheckpoint, nonce: this.#options.nonce(), ...time };
  }

  async #listSlots(): Promise<number[]> {
    const entries = await this.#options.fileSystem.list(this.#options.directory);
    return entries.map(({ name }) => slotOf(name) ?? 0).filter((slot) => slot > 0).sort((a, b) => a - b);
  }

  /** The log's records up to `lastSlot`, or the number of a slot that is not there. */
  async #readRecords(lastSlot: number): Promise<Map<number, CommitRecord> | number> {
    const newest = await this.#readRecord(lastSlot);
    if (newest === undefined) {
      return lastSlot;
    }
    if (newest.firstSlot > lastSlot) {
      throw damaged("shape", this.#path(lastSlot), `it says that the log begins at slot ${newest.firstSlot}`);
    }
    const records = new Map<number, CommitRecord>();
    const read = await this.#readMissing(newest.firstSlot, lastSlot);
    for (let slot = newest.firstSlot; slot <= lastSlot; slot += 1) {
      const record = slot === lastSlot ? newest : (this.#state?.records.get(slot) ?? (await read.get(slot)));
      if (record === undefined) {
        return slot;
      }
      const problem = orderProblem(records.get(slot - 1), record);
      if (problem !== undefined) {
        throw damaged("shape", this.#path(slot), problem);
      }
      records.set(slot, record);
    }
    requireGrowingIds(records, (slot) => this.#path(slot));
    return records;
  }

  /** The records before `lastSlot` that are not known yet, some at a time: one after the other they are most of a takeover's time. */
  async #readMissing(firstSlot: number, lastSlot: number): Promise<ReadonlyMap<number, Promise<CommitRecord | undefined>>> {
    const reading = new Map<number, Promise<CommitRecord | undefined>>();
    for (let slot = firstSlot; slot < lastSlot; slot += 1) {
      if (this.#state?.records.has(slot) === true) continue;
      reading.set(slot, this.#readRecord(slot));
      // An error is met by who awaits the record, in the order of the slots.
      if (reading.size % readsTogether === 0) await Promise.allSettled(reading.values());
    }
    await Promise.allSettled(reading.values());
    return reading;
  }

  async #readRecord(slot: number): Promise<CommitRecord | undefined> {
    const path = this.#path(slot);
    try {
      return decodeCommitRecord(await this.#options.fileSystem.readFile(path, { maxBytes: commitFormat.maxBytes }), path);
    } catch (error) {
      switch (errnoOf(error)) {
        case "ENOENT":
          return undefined;
        case "EFBIG":
          throw damaged("too-large", path, "it is larger than any commit record", error);
        default:
          throw error;
      }
    }
  }

  #path(slot: number): string {
    return join(this.#options.directory, slotFileName(slot));
  }
}

/** Announced checkpoints that are not given up, oldest first. */
export function announcedIn(state: Pick<CommitLogState, "records" | "oldestCheckpoint">): CompletedCheckpoint[] {
  let announced: CompletedCheckpoint[] = [];
  for (const [slot, record] of state.records) {
    if (record.kind === "rollback") {
      announced = announced.filter(({ id }) => id <= record.checkpoint);
    } else if (record.kind === "checkpoint" && record.checkpoint >= state.oldestCheckpoint) {
      const { checkpoint: id, generation, manifestSha256 } = record;
      announced.push({ id, generation, slot, manifestSha256 });
    }
  }
  return announced;
}

function orderProblem(before: CommitRecord | undefined, record: CommitRecord): string | undefined {
  if (before === undefined) {
    return undefined;
  }
  const isRightGeneration = record.kind === "fence" ? record.generation > before.generation : record.generation === before.generation;
  if (!isRightGeneration) {
    return `a ${record.kind} of generation ${record.generation} cannot follow generation ${before.generation}`;
  }
  if (record.firstSlot < before.firstSlot || record.oldestCheckpoint < before.oldestCheckpoint) {
    return "firstSlot or oldestCheckpoint is below the slot before";
  }
  return undefined;
}

function requireGrowingIds(records: ReadonlyMap<number, CommitRecord>, pathOf: (slot: number) => string): void {
  let highest = 0;
  for (const [slot, record] of records) {
    if (record.kind === "checkpoint") {
      if (record.checkpoint <= highest) {
        throw damaged("shape", pathOf(slot), `checkpoint ${record.checkpoint} cannot follow checkpoint ${highest}`);
      }
      highest = record.checkpoint;
    }
  }
}

function removed(path: string): StateError {
  return new StateError(
    "FOREIGN_DIRECTORY",
    `${path} no longer holds what this job wrote: the checkpoint directory was removed or replaced while the job ran; ` +
      "put it back and checkpoints go on, or stop the job, which then starts from what is there",
    { details: { path } },
  );
}

function fenced(generation: number, by: number | undefined): StateError {
  const newer = by === undefined ? "a newer coordinator" : `the coordinator of generation ${by}`;
  return new StateError("COORDINATOR_FENCED", `${newer} took over from generation ${generation}: stop this one for good`, {
    details: { generation, by },
  });
}
