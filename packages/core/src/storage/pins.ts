import { join } from "node:path";
import { StateError } from "../errors/index.js";
import type { CompletedCheckpoint, PinOwner } from "./checkpoint-storage.js";
import { createIfAbsent } from "./create-if-absent.js";
import type { FileSystem } from "./file-system.js";
import { damaged, decodeFramedJson, encodeFramedJson, sha256Hex, type DocumentFormat } from "./framed-json.js";
import type { JobDirectory } from "./job-directory.js";
import { JsonShape } from "./json-shape.js";
import type { FileReference } from "./manifest.js";
import { isSafeName, requireSafeName, temporaryName } from "./names.js";

/** The format of pins/<name>.json. */
const pinFormat: DocumentFormat = { name: "tidemark-pin", version: 1, maxBytes: 64 * 1024 * 1024, maxDepth: 3 };
const maxFiles = 262_144;

/** What a pin holds: another job reads this checkpoint, so its manifest and files stay whatever its own job does. */
export interface Pin {
  /** The pin's file name. */
  readonly name: string;
  readonly owner: PinOwner;
  readonly checkpoint: number;
  readonly manifestSha256: string;
  /** The files by name, so that a pin protects them without its manifest. */
  readonly files: readonly string[];
}

/**
 * Pins in a job's directory (rule 17). A reader writes a pin, then makes sure that the checkpoint is still announced; garbage collection
 * wins the slot that gives a checkpoint up, then reads the pins. Whichever is first, one sees the other.
 */
export class Pins {
  readonly #fileSystem: FileSystem;
  readonly #directory: JobDirectory;

  constructor(fileSystem: FileSystem, directory: JobDirectory) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
  }

  /** Every pin. Throws CHECKPOINT_DAMAGED or CHECKPOINT_VERSION for one that cannot be read: it may protect anything. */
  async read(): Promise<Pin[]> {
    const pins: Pin[] = [];
    for (const { name, kind } of await this.#fileSystem.list(this.#directory.pins)) {
      // What is being written, or a desktop's own files; no pin has a name like that.
      if (name.startsWith(".")) {
        continue;
      }
      const path = join(this.#directory.pins, name);
      const status = await this.#fileSystem.stat(path);
      if (status === undefined) {
        continue; // Released since it was listed.
      }
      if (kind !== "file" || !isSafeName(name) || status.sizeBytes > pinFormat.maxBytes) {
        throw damaged("not-ours", path, "it is no pin; remove it if nothing else needs it");
      }
      pins.push(decodePin(await this.#fileSystem.readFile(path, { maxBytes: pinFormat.maxBytes }), name, path));
    }
    return pins;
  }

  /**
   * Writes a pin durably and returns its name; the same pin again is the same file. Throws NO_SPACE, DIRECTORY_NOT_WRITABLE, IO, and
   * INVALID_CONFIGURATION where there are no hard links.
   */
  async create(checkpoint: CompletedCheckpoint, files: readonly FileReference[], owner: PinOwner, nonce: () => string): Promise<string> {
    const { pins, path } = this.#directory;
    await this.#fileSystem.makeDirectory(pins);
    await this.#fileSystem.syncDirectory(path);
    const name = `${ownerHash(owner)}-${owner.generation}-${checkpoint.id}.json`;
    const content = {
      owner: { job: owner.job, location: owner.location, generation: owner.generation },
      checkpoint: checkpoint.id,
      manifestSha256: checkpoint.manifestSha256,
      files: files.map((file) => file.name),
    };
    const target = { directory: pins, name, temporaryName: temporaryName(owner.generation, nonce(), name) };
    await createIfAbsent(this.#fileSystem, target, encodeFramedJson(pinFormat, content));
    return name;
  }

  /** Durably: a pin that a power cut brings back would hold the checkpoint for ever. */
  async release(name: string): Promise<void> {
    await this.#fileSystem.removeFile(join(this.#directory.pins, requireSafeName(name, "a pin")));
    await this.#fileSystem.syncDirectory(this.#directory.pins);
  }

  /** Removes what earlier lives of an owner left behind: they were fenced, so nothing they read counts any more. */
  async releaseOlder(owner: PinOwner): Promise<void> {
    const ofOwner = new RegExp(`^(?:\\.tmp-\\d+-[^-]+-)?${ownerHash(owner)}-(\\d+)-\\d+\\.json$`);
    for (const { name } of await this.#fileSystem.list(this.#directory.pins)) {
      const generation = ofOwner.exec(name)?.[1];
      if (generation !== undefined && Number(generation) < owner.generation) {
        await this.#fileSystem.removeFile(join(this.#directory.pins, name));
      }
    }
    await this.#fileSystem.syncDirectory(this.#directory.pins);
  }
}

/** Names are short and safe whatever the owner is called. */
function ownerHash({ job, location }: PinOwner): string {
  return sha256Hex(new TextEncoder().encode(JSON.stringify([job, location]))).slice(0, 16);
}

function decodePin(bytes: Uint8Array, name: string, path: string): Pin {
  const shape = new JsonShape("CHECKPOINT_DAMAGED", path);
  const body = shape.object(decodeFramedJson(pinFormat, bytes, path), "$", ["owner", "checkpoint", "manifestSha256", "files"]);
  const owner = shape.object(body["owner"], "$.owner", ["job", "location", "generation"]);
  return {
    name,
    owner: {
      job: shape.text(owner["job"], "$.owner.job", 256),
      location: shape.text(owner["location"], "$.owner.location", 4096),
      generation: shape.integer(owner["generation"], "$.owner.generation", 0),
    },
    checkpoint: shape.integer(body["checkpoint"], "$.checkpoint", 1),
    manifestSha256: shape.sha256(body["manifestSha256"], "$.manifestSha256"),
    files: shape.array(body["files"], "$.files", maxFiles).map((file, index) => requireSafeName(file, `$.files[${index}]`)),
  };
}

/** The refusal when a checkpoint went away while it was being pinned. */
export function goneWhilePinned(checkpoint: CompletedCheckpoint, location: string): StateError {
  return new StateError(
    "CHECKPOINT_NOT_FOUND",
    `checkpoint ${checkpoint.id} in ${location} was given up by its own job at this moment: start again to take its newest one`,
    { details: { checkpoint: checkpoint.id, location } },
  );
}
