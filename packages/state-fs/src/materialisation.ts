import { ByteWriter, EntryFileWriter, type Freezable, type StateError, yieldTurn } from "@tidemark/core/state";
import type { FileSystem } from "@tidemark/core/storage";
import type { StoredEntries } from "./log/log-overlay.js";

/** Entries encoded before other work gets a turn: so few that a record hardly waits for them. */
const entriesPerTurn = 512;

/** All of the state as one entry file: everything up to change `seq`. */
export interface BaseFile {
  readonly seq: number;
  readonly name: string;
  readonly sizeBytes: number;
}

export interface MaterialisationOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly seq: number;
  /** Frozen here, released at the end. */
  readonly contents: readonly Freezable[];
  /** Entries of states that the job has not declared. */
  readonly undeclared: ReadonlyMap<number, StoredEntries>;
  /** Resolves when the log up to `seq` and the segment behind it are on the disk: the base must not outlive what follows it. */
  readonly logged: Promise<void>;
}

/** Writes the whole state to a file while changes go on. The contents are those at the start. */
export class Materialisation {
  readonly seq: number;
  readonly done: Promise<BaseFile>;
  readonly #options: MaterialisationOptions;
  readonly #undeclared: ReadonlyMap<number, StoredEntries>;
  #aborted: StateError | undefined;
  #isReleased = false;

  constructor(options: MaterialisationOptions) {
    this.#options = options;
    this.seq = options.seq;
    this.#undeclared = new Map(options.undeclared);
    for (const contents of options.contents) contents.freeze();
    this.done = this.#write().finally(() => this.#release());
    this.done.catch(() => undefined);
  }

  /** Gives up: the contents are free at once, `done` rejects. */
  abort(reason: StateError): void {
    this.#aborted ??= reason;
    this.#release();
  }

  #release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    for (const contents of this.#options.contents) contents.release();
  }

  async #write(): Promise<BaseFile> {
    const { fileSystem, directory, seq, logged } = this.#options;
    const name = baseName(seq);
    const temporary = `${directory}/.tmp-${name}`;
    await logged;
    try {
      // One that was left by a failed attempt may be there.
      await fileSystem.removeFile(temporary);
      const sizeBytes = await this.#writeFile(temporary);
      await fileSystem.rename(temporary, `${directory}/${name}`);
      await fileSystem.syncDirectory(directory);
      return { seq, name, sizeBytes };
    } catch (error) {
      await fileSystem.removeFile(temporary).catch(() => undefined);
      throw error;
    }
  }

  async #writeFile(path: string): Promise<number> {
    const file = await this.#options.fileSystem.createFile(path);
    try {
      for await (const block of this.#blocks()) {
        await file.write(block);
        this.#requireWanted();
      }
      await file.sync();
      return file.sizeBytes;
    } finally {
      await file.close();
    }
  }

  async *#blocks(): AsyncGenerator<Uint8Array> {
    const writer = new EntryFileWriter();
    yield EntryFileWriter.header();
    let untilTurn = entriesPerTurn;
    for (const _ of this.#entries(writer)) {
      if (writer.isBlockFull) {
        const block = writer.takeBlock();
        if (block !== undefined) yield block;
      }
      untilTurn -= 1;
      if (untilTurn > 0) continue;
      untilTurn = entriesPerTurn;
      await yieldTurn();
      this.#requireWanted();
    }
    const last = writer.takeBlock();
    if (last !== undefined) yield last;
    yield writer.end();
  }

  *#entries(writer: EntryFileWriter): Iterable<void> {
    for (const contents of this.#options.contents) yield* contents.frozenEntries((key, value) => writer.add(key, value));
    const key = new ByteWriter();
    const value = new ByteWriter();
    for (const [stateId, entries] of this.#undeclared) {
      for (const entry of entries) {
        key.reset();
        key.u16be(entry.keyGroup);
        key.u16be(stateId);
        key.raw(entry.key);
        value.reset();
        value.raw(entry.value);
        writer.add(key, value);
        yield;
      }
    }
  }

  #requireWanted(): void {
    if (this.#aborted !== undefined) throw this.#aborted;
  }
}

/** "00000000000000000042.entries": the state after change 42. */
export function baseName(seq: number): string {
  return `${String(seq).padStart(20, "0")}.entries`;
}

/** The change that a base of this name ends with, or undefined for a file of another kind. */
export function parseBaseName(name: string): number | undefined {
  const match = /^(\d{20})\.entries$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}
