import { join } from "node:path";
import { writeDurably } from "./create-if-absent.js";
import { errnoOf } from "./file-errors.js";
import type { FileSystem } from "./file-system.js";
import type { JobDirectory } from "./job-directory.js";
import { isSafeName, requireSafeName } from "./names.js";

/**
 * Remembers which files a check in the background found damaged, as empty files suspect/<name>: the next restore then takes their
 * checksums before the first record, and falls back where it may, instead of starting on them once more. A mark is a hint, not a
 * verdict: a file that was only read wrong passes the check and goes on being used.
 */
export class SuspectFiles {
  readonly #fileSystem: FileSystem;
  readonly #directory: JobDirectory;

  constructor(fileSystem: FileSystem, directory: JobDirectory) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
  }

  async names(): Promise<ReadonlySet<string>> {
    const entries = await this.#fileSystem.list(this.#directory.suspect);
    return new Set(entries.map(({ name }) => name).filter(isSafeName));
  }

  /** Safe to repeat. Throws NO_SPACE, DIRECTORY_NOT_WRITABLE, IO, CHECKPOINT_UNSAFE_NAME. */
  async add(name: string): Promise<void> {
    const { suspect, path } = this.#directory;
    await this.#fileSystem.makeDirectory(suspect);
    await this.#fileSystem.syncDirectory(path);
    try {
      await writeDurably(this.#fileSystem, join(suspect, requireSafeName(name, "a damage report")), new Uint8Array(0));
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") {
        throw error;
      }
    }
    await this.#fileSystem.syncDirectory(suspect);
  }

  async remove(name: string): Promise<void> {
    await this.#fileSystem.removeFile(join(this.#directory.suspect, requireSafeName(name, "a damage report")));
  }
}
