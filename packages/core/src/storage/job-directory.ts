import { dirname, join } from "node:path";
import { isStateError, StateError } from "../errors/index.js";
import { createIfAbsent, writeDurably } from "./create-if-absent.js";
import { errnoOf } from "./file-errors.js";
import type { FileSystem } from "./file-system.js";
import { damaged, decodeFramedJson, encodeFramedJson, type DocumentFormat } from "./framed-json.js";
import { JsonShape } from "./json-shape.js";
import { checkpointDirectoryName, isSafeName, temporaryGenerationOf, temporaryName } from "./names.js";

/** The format of job.json, which says whose directory it is. */
const jobFormat: DocumentFormat = { name: "tidemark-job", version: 1, maxBytes: 64 * 1024, maxDepth: 1 };

/** The file that makes a directory a checkpoint. */
export const manifestName = "manifest.json.gz";

/** Where everything of one job is; drawn in docs/formats/checkpoint.md. */
export class JobDirectory {
  readonly job: string;
  readonly path: string;
  readonly commits: string;
  readonly shared: string;
  readonly pins: string;
  readonly suspect: string;
  readonly #fileSystem: FileSystem;

  /** Throws INVALID_CONFIGURATION for a job name that cannot be a directory name. */
  constructor(fileSystem: FileSystem, root: string, job: string) {
    if (!isSafeName(job)) {
      throw new StateError(
        "INVALID_CONFIGURATION",
        `the job name ${JSON.stringify(job)} cannot name a directory: use 1 to 128 letters, digits and ._-, a letter or digit first`,
        { details: { job } },
      );
    }
    this.#fileSystem = fileSystem;
    this.job = job;
    this.path = join(root, job);
    this.commits = join(this.path, "commits");
    this.shared = join(this.path, "shared");
    this.pins = join(this.path, "pins");
    this.suspect = join(this.path, "suspect");
  }

  checkpointPath(id: number): string {
    return join(this.path, checkpointDirectoryName(id));
  }

  manifestPath(id: number): string {
    return join(this.checkpointPath(id), manifestName);
  }

  /** False when nothing was ever stored here. Throws FOREIGN_DIRECTORY when it is another job's or no checkpoint directory. */
  async isOurs(): Promise<boolean> {
    const status = await this.#fileSystem.stat(this.path);
    if (status === undefined) {
      return false;
    }
    if (status.kind !== "directory") {
      throw this.#foreign("is not a directory");
    }
    const owner = await this.#owner();
    if (owner === undefined) {
      const entries = await this.#fileSystem.list(this.path);
      const other = entries.find(({ name }) => temporaryGenerationOf(name) === undefined);
      if (other !== undefined) {
        throw this.#foreign(`has other content (${other.name}) and no job.json`);
      }
      return false;
    }
    if (owner !== this.job) {
      throw this.#foreign(`belongs to the job ${JSON.stringify(owner)}`);
    }
    return true;
  }

  /**
   * Creates what is missing, durably, and tries a write. Throws FOREIGN_DIRECTORY before changing anything, DIRECTORY_NOT_WRITABLE,
   * NO_SPACE, or INVALID_CONFIGURATION where hard links are not possible.
   */
  async prepare(nonce: () => string): Promise<void> {
    const isOurs = await this.isOurs();
    try {
      await this.#makeDurable(this.path);
      if (!isOurs) {
        const bytes = encodeFramedJson(jobFormat, { job: this.job });
        const target = { directory: this.path, name: "job.json", temporaryName: temporaryName(0, nonce(), "job.json") };
        await createIfAbsent(this.#fileSystem, target, bytes);
      }
      await this.#makeDurable(this.commits);
      await this.#makeDurable(this.shared);
      const probe = join(this.shared, temporaryName(0, nonce(), "probe"));
      await writeDurably(this.#fileSystem, probe, new Uint8Array(1)).finally(() => this.#fileSystem.removeFile(probe));
      await this.#fileSystem.syncDirectory(this.path);
    } catch (error) {
      if (["ENOTDIR", "EEXIST"].includes(errnoOf(error) ?? "") && isStateError(error)) {
        throw new StateError("DIRECTORY_NOT_WRITABLE", `${this.path} cannot be used: a part of it is a file; choose another directory`, {
          cause: error,
          details: { path: this.path },
        });
      }
      throw error;
    }
    await this.isOurs();
  }

  /** A new directory is durable when its parent was synced; so parents are made one by one, the topmost missing one first. */
  async #makeDurable(path: string): Promise<void> {
    const parent = dirname(path);
    if (parent !== path && (await this.#fileSystem.stat(path)) === undefined) {
      await this.#makeDurable(parent);
      await this.#fileSystem.makeDirectory(path);
      await this.#fileSystem.syncDirectory(parent);
    }
  }

  async #owner(): Promise<string | undefined> {
    const path = join(this.path, "job.json");
    const status = await this.#fileSystem.stat(path);
    if (status === undefined) {
      return undefined;
    }
    if (status.kind !== "file" || status.sizeBytes > jobFormat.maxBytes) {
      throw damaged("not-ours", path, "it is no job description");
    }
    const shape = new JsonShape("CHECKPOINT_DAMAGED", path);
    const content = decodeFramedJson(jobFormat, await this.#fileSystem.readFile(path, { maxBytes: jobFormat.maxBytes }), path);
    return shape.text(shape.object(content, "$", ["job"])["job"], "$.job", 256);
  }

  #foreign(problem: string): StateError {
    return new StateError(
      "FOREIGN_DIRECTORY",
      `${this.path} ${problem}: choose another checkpoint directory or another job name than ${JSON.stringify(this.job)}`,
      { details: { path: this.path, job: this.job } },
    );
  }
}
