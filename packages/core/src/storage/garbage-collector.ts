import { join } from "node:path";
import { isStateError, StateError } from "../errors/index.js";
import { firstKeptIndex } from "./chain-retention.js";
import type { CheckpointReader, CompletedCheckpoint, SubsumeReport } from "./checkpoint-storage.js";
import { announcedIn, type CommitLog } from "./commit-log.js";
import { errnoOf } from "./file-errors.js";
import type { DirectoryEntry, FileSystem } from "./file-system.js";
import type { JobDirectory } from "./job-directory.js";
import type { CheckpointManifest } from "./manifest.js";
import { checkpointIdOf, isSafeName, temporaryGenerationOf } from "./names.js";
import type { Pin, Pins } from "./pins.js";
import type { SharedFiles } from "./shared-files.js";
import type { SuspectFiles } from "./suspect-files.js";

export interface GarbageCollectorOptions {
  readonly fileSystem: FileSystem;
  readonly directory: JobDirectory;
  readonly log: CommitLog;
  readonly reader: CheckpointReader;
  readonly shared: SharedFiles;
  readonly pins: Pins;
  readonly suspects: SuspectFiles;
  /** Whether the base of a chain was read back whole. */
  readonly isVerifiedChain: (chain: string) => boolean;
  readonly generation: number;
  /** Ids of checkpoints begun and neither complete nor aborted. */
  readonly pendingIds: () => readonly number[];
  readonly highestBegun: () => number;
}

/** What was there before this coordinator made sure that it still is the newest: nothing in it belongs to a newer one. */
interface Listing {
  readonly checkpoints: readonly number[];
  readonly sharedFiles: readonly string[];
  readonly temporaryFiles: readonly string[];
}

/** Which checkpoints stay, and the files that they name. */
interface Choice {
  readonly newest: CompletedCheckpoint;
  readonly keep: readonly CompletedCheckpoint[];
  readonly retired: readonly CompletedCheckpoint[];
  readonly live: ReadonlySet<string>;
  readonly retiredNames: ReadonlySet<string>;
}

/**
 * Deletes checkpoints and files that nothing needs (rules 11, 17, 19). What makes it safe although a coordinator may sleep anywhere in
 * it while another one takes over:
 * - Candidates are listed before the slot is won that announces `oldestCheckpoint` (or, when no checkpoint goes, before the log is
 *   read once more). A newer coordinator writes only after its own, later slot, so nothing of it is among them.
 * - It also reads `oldestCheckpoint` from the log and never restores from a checkpoint below, whose files may go at any time.
 * - Pins are read after that slot. A reader that pins later looks at the log after its pin and sees the slot.
 * - Files that no announced checkpoint names are of no use to it either; its own files carry a new generation in their name.
 */
export class GarbageCollector {
  readonly #options: GarbageCollectorOptions;
  /** For each unneeded file the highest checkpoint id begun when it was first found unneeded: older pending ones may still name it. */
  readonly #unneededSince = new Map<string, number>();

  constructor(options: GarbageCollectorOptions) {
    this.#options = options;
  }

  /** See CheckpointLease.subsume. */
  async subsume(retain: number): Promise<SubsumeReport> {
    const { log, generation } = this.#options;
    const announced = announcedIn(await log.requireHeldBy(generation));
    const newest = announced.at(-1);
    if (newest === undefined) {
      return { deletedCheckpoints: [], deletedFiles: [] };
    }
    try {
      const choice = await this.#choose(announced, newest, retain);
      const listing = await this.#list();
      if (choice.retired.length > 0) {
        await log.append({ kind: "subsume", generation, oldestCheckpoint: choice.keep[0]?.id ?? newest.id });
      } else {
        await log.requireHeldBy(generation);
      }
      const pins = await this.#options.pins.read();
      return await this.#delete(choice, listing, pins);
    } catch (error) {
      // One manifest or pin that cannot be read may name anything: then nothing goes.
      if (isStateError(error) && error.kind === "restore" && error.code !== "COORDINATOR_FENCED") {
        return { deletedCheckpoints: [], deletedFiles: [], blockedBy: error };
      }
      throw error;
    }
  }

  async #choose(announced: readonly CompletedCheckpoint[], newest: CompletedCheckpoint, retain: number): Promise<Choice> {
    const manifests = new Map<number, CheckpointManifest>();
    const manifestOf = (checkpoint: CompletedCheckpoint): Promise<CheckpointManifest> => this.#manifestOf(checkpoint, manifests);
    const first = await firstKeptIndex(announced, retain, this.#options.isVerifiedChain, manifestOf);
    const keep = announced.slice(first);
    const retired = announced.slice(0, first);
    const live = await this.#namesOf(keep, manifests);
    const retiredNames = await this.#namesOf(retired, manifests, "skip missing");
    // Before a slot is spent; what counts is read again behind it.
    await this.#options.pins.read();
    return { newest, keep, retired, live, retiredNames };
  }

  async #delete(choice: Choice, listing: Listing, pins: readonly Pin[]): Promise<SubsumeReport> {
    const { newest, keep, retired, retiredNames } = choice;
    const isPinned = new Set(pins.map((pin) => pin.checkpoint));
    const live = new Set([...choice.live, ...pins.flatMap((pin) => pin.files)]);
    // Before this lease has announced a checkpoint of its own, leftovers of crashed attempts stay: they are evidence, and
    // its backends may still be reading restored files.
    const isOwn = newest.generation === this.#options.generation;
    const isAnnounced = new Set(keep.map(({ id }) => id));
    const pending = new Set(this.#options.pendingIds());
    const isRetired = new Set(retired.map(({ id }) => id));
    const isLeftover = (id: number): boolean => isOwn && id < newest.id && !isAnnounced.has(id) && !pending.has(id);
    const ids = listing.checkpoints.filter((id) => (isRetired.has(id) || isLeftover(id)) && !isPinned.has(id));
    await this.#deleteCheckpoints(ids);
    const names = listing.sharedFiles.filter((name) => (isOwn || retiredNames.has(name)) && this.#isUnneeded(name, live, newest.id));
    const deletedFiles = await this.#deleteFiles(names, live, newest.id);
    if (isOwn) {
      await this.#deleteTemporaryFiles(listing.temporaryFiles);
    }
    await this.#options.log.prune();
    return { deletedCheckpoints: retired.map(({ id }) => id).filter((id) => !isPinned.has(id)), deletedFiles };
  }

  /** A manifest that somebody deleted by hand is no obstacle where it was to be deleted anyway. */
  async #namesOf(
    checkpoints: readonly CompletedCheckpoint[],
    manifests: Map<number, CheckpointManifest>,
    missing?: "skip missing",
  ): Promise<Set<string>> {
    const { fileSystem, directory } = this.#options;
    const names = new Set<string>();
    for (const checkpoint of checkpoints) {
      if (missing !== undefined && (await fileSystem.stat(directory.manifestPath(checkpoint.id))) === undefined) {
        continue;
      }
      for (const { name } of (await this.#manifestOf(checkpoint, manifests)).files) {
        names.add(name);
      }
    }
    return names;
  }

  async #manifestOf(checkpoint: CompletedCheckpoint, manifests: Map<number, CheckpointManifest>): Promise<CheckpointManifest> {
    const manifest = manifests.get(checkpoint.id) ?? (await this.#options.reader.readManifest(checkpoint));
    manifests.set(checkpoint.id, manifest);
    return manifest;
  }

  async #list(): Promise<Listing> {
    const { fileSystem, directory } = this.#options;
    const entries = await fileSystem.list(directory.path);
    const shared = await fileSystem.list(directory.shared);
    const commits = await fileSystem.list(directory.commits);
    const checkpoints = entries.filter(({ kind }) => kind === "directory").map(({ name }) => checkpointIdOf(name) ?? 0);
    return {
      checkpoints: checkpoints.filter((id) => id > 0),
      sharedFiles: shared.filter(({ name, kind }) => kind === "file" && isSafeName(name)).map(({ name }) => name),
      temporaryFiles: [
        ...this.#oldTemporary(directory.path, entries),
        ...this.#oldTemporary(directory.shared, shared),
        ...this.#oldTemporary(directory.commits, commits),
      ],
    };
  }

  #oldTemporary(directory: string, entries: readonly DirectoryEntry[]): string[] {
    const isOld = ({ name, kind }: DirectoryEntry): boolean =>
      kind === "file" && (temporaryGenerationOf(name) ?? Number.MAX_SAFE_INTEGER) < this.#options.generation;
    return entries.filter(isOld).map(({ name }) => join(directory, name));
  }

  #isUnneeded(name: string, live: ReadonlySet<string>, newest: number): boolean {
    const { shared, pendingIds, highestBegun } = this.#options;
    if (live.has(name) || shared.mayBeNeeded(name, newest)) {
      this.#unneededSince.delete(name);
      return false;
    }
    const since = this.#unneededSince.get(name) ?? highestBegun();
    this.#unneededSince.set(name, since);
    // A pending checkpoint below the newest announced one can no longer complete.
    return !pendingIds().some((id) => id > newest && id <= since);
  }

  /** Manifests go first and durably: a manifest must never outlive a file that it names. */
  async #deleteCheckpoints(ids: readonly number[]): Promise<void> {
    const { fileSystem, directory } = this.#options;
    for (const id of ids) {
      await fileSystem.removeFile(directory.manifestPath(id));
      await fileSystem.syncDirectory(directory.checkpointPath(id)).catch(ignoreAbsent);
    }
    for (const id of ids) {
      await fileSystem.removeDirectory(directory.checkpointPath(id));
    }
    if (ids.length > 0) {
      await fileSystem.syncDirectory(directory.path);
    }
  }

  async #deleteFiles(names: readonly string[], live: ReadonlySet<string>, newest: number): Promise<string[]> {
    const deleted: string[] = [];
    for (const name of names) {
      // A backend may have put it back since the list was made.
      if (this.#isUnneeded(name, live, newest)) {
        this.#requireDeletable(name, live);
        await this.#options.shared.delete(name);
        await this.#options.suspects.remove(name);
        this.#unneededSince.delete(name);
        deleted.push(name);
      }
    }
    return deleted;
  }

  /** The last look before a file goes, whatever the reasoning before it was; stays on in production. */
  #requireDeletable(name: string, live: ReadonlySet<string>): void {
    if (live.has(name) || !isSafeName(name)) {
      throw new StateError("INTERNAL", `garbage collection was about to delete ${name}, which a retained checkpoint names; it stopped`, {
        details: { name },
      });
    }
  }

  /** Names start with the generation that wrote them; an older coordinator has no use for its own any more. */
  async #deleteTemporaryFiles(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      await this.#options.fileSystem.removeFile(path);
    }
  }
}

/** An older coordinator that woke up in the middle of its own deletions may have been faster. */
function ignoreAbsent(error: unknown): void {
  if (errnoOf(error) !== "ENOENT") {
    throw error;
  }
}
