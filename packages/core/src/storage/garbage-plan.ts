import { isSafeName, temporaryGenerationOf } from "./names.js";

/** What a job's directory holds, and what may still be needed of it: everything a verdict is taken from. */
export interface GarbageFacts {
  /** Of the newest fence; 0 when no coordinator ever ran. */
  readonly generation: number;
  /** Slots below are no longer part of the log. */
  readonly firstSlot: number;
  readonly oldestCheckpoint: number;
  readonly announced: ReadonlySet<number>;
  /** Pinned by readers in other directories. */
  readonly pinned: ReadonlySet<number>;
  /** Ids that have a commit record, given up or not. */
  readonly recorded: ReadonlySet<number>;
  /** The highest id announced before the newest fence; ids below that are not announced never will be. Undefined when not known. */
  readonly highestBeforeFence: number | undefined;
  /** No checkpoint was given up since the newest fence, so whatever the newest coordinator restored from is still announced. */
  readonly isNothingGivenUpSinceFence: boolean;
  /** An attempt above the newest announced checkpoint that may be under way. */
  readonly attempt: number | undefined;
  readonly pinnedFiles: ReadonlySet<string>;
}

export type GarbageReason =
  // It stays.
  | "announced" | "named" | "pinned" | "newest-generation" | "attempt-under-way" | "keeps-id" | "in-use" | "not-ours" | "blocked"
  // It may go.
  | "orphan" | "temporary" | "given-up" | "never-announced" | "old-slot";

/** Whether something may go, and why. */
export interface GarbageVerdict {
  readonly mayGo: boolean;
  readonly reason: GarbageReason;
  /** A few words for people. */
  readonly because: string;
}

/**
 * What may be deleted in a job's directory by somebody who holds no lease, while the job may be running (rule 17). Nothing is judged by a
 * clock. What makes it safe:
 * - Whoever wrote a file has a generation, which is in the file's name. Below the newest fence nobody can announce anything any more, and
 *   nothing of the newest generation is ever judged, so a file that is being written is never at stake.
 * - A file of an older generation can be needed only by who restored a checkpoint that names it. The newest coordinator restored from
 *   one that was announced at its fence. As long as none was given up since, that one is still there and names the file. After that,
 *   only a checkpoint that was begun before may name a file which no announced one names; so such files stay while there is one.
 * The facts must be read in this order: the candidates; the log and manifests; pins; the directories of checkpoints.
 */
export class GarbagePlanner {
  readonly #facts: GarbageFacts;

  constructor(facts: GarbageFacts) {
    this.#facts = facts;
  }

  /** Of a file in shared/ by its name. `namedBy`: the checkpoints that stay and name it, announced or not. */
  sharedFile(name: string, namedBy: readonly number[]): GarbageVerdict {
    const { pinnedFiles, generation, isNothingGivenUpSinceFence, attempt } = this.#facts;
    if (temporaryGenerationOf(name) !== undefined) {
      return this.temporaryFile(name);
    }
    const writer = generationOf(name);
    if (writer === undefined) {
      return stays("not-ours", "its name does not say which coordinator wrote it");
    }
    if (namedBy.length > 0) {
      return stays("named", `named by checkpoint${namedBy.length > 1 ? "s" : ""} ${namedBy.join(", ")}`);
    }
    if (pinnedFiles.has(name)) {
      return stays("pinned", "a reader in another directory has pinned it");
    }
    if (writer >= generation) {
      return stays("newest-generation", `generation ${writer} is the newest; a job that runs may need it, the next one deletes it`);
    }
    if (!isNothingGivenUpSinceFence && attempt !== undefined) {
      return stays("attempt-under-way", `checkpoint ${attempt} may be under way and name it`);
    }
    return goes("orphan", `no checkpoint names it, and generation ${generation} has taken over from generation ${writer}`);
  }

  /** Of a checkpoint's directory. `manifestGeneration`: who wrote its manifest, if it has a readable one. */
  checkpoint(id: number, manifestGeneration: number | undefined): GarbageVerdict {
    const { announced, pinned, oldestCheckpoint, recorded, highestBeforeFence, generation } = this.#facts;
    if (announced.has(id)) {
      return stays("announced", "complete; it may be restored");
    }
    if (pinned.has(id)) {
      return stays("pinned", "a reader in another directory has pinned it");
    }
    if (id < oldestCheckpoint) {
      return goes("given-up", `checkpoints below ${oldestCheckpoint} are given up`);
    }
    if (recorded.has(id)) {
      return stays("keeps-id", "its job went back to an older one; it goes when the job has completed another");
    }
    // Ids are never used again, and the highest one is known by its directory alone.
    const isKnownOtherwise = id < Math.max(0, ...announced);
    const isOld = (manifestGeneration ?? generation) < generation || id < (highestBeforeFence ?? 0);
    if (isKnownOtherwise && isOld) {
      return goes("never-announced", "it was not completed, and a newer coordinator has taken over");
    }
    return isOld
      ? stays("keeps-id", "not completed; it keeps its id from being used again")
      : stays("newest-generation", "not completed; it may be under way");
  }

  temporaryFile(name: string): GarbageVerdict {
    const writer = temporaryGenerationOf(name) ?? Number.MAX_SAFE_INTEGER;
    return writer < this.#facts.generation
      ? goes("temporary", `left half-written by generation ${writer}`)
      : stays("newest-generation", "it may be being written");
  }

  commitRecord(slot: number): GarbageVerdict {
    return slot < this.#facts.firstSlot ? goes("old-slot", "the log begins after it") : stays("in-use", "part of the commit log");
  }
}

/** Something that is not there to be deleted. */
export function stays(reason: GarbageReason, because: string): GarbageVerdict {
  return { mayGo: false, reason, because };
}

function goes(reason: GarbageReason, because: string): GarbageVerdict {
  return { mayGo: true, reason, because };
}

/** The coordinator that wrote a shared file: names are generation-operator-subtask-... (rule 13). Undefined for other names. */
export function generationOf(name: string): number | undefined {
  const generation = isSafeName(name) ? /^([1-9]\d{0,14})-/.exec(name)?.[1] : undefined;
  return generation === undefined ? undefined : Number(generation);
}
