import { join } from "node:path";
import { type BaseList, baseListFormat, decodeBaseList } from "./base-list.js";
import { fileDamaged, fileMissing } from "./checkpoint-file-errors.js";
import { unpacked } from "./compressed-json.js";
import type { FileSystem } from "./file-system.js";
import { damaged, sha256Hex } from "./framed-json.js";
import type { JobDirectory } from "./job-directory.js";
import type { CheckpointManifest, FileReference } from "./manifest.js";
import { decodeStoredManifest, manifestFormat, type StoredManifest } from "./manifest-codec.js";

/** Unpacked bytes of the lists that are remembered. */
const bytesRemembered = 16 * 1024 * 1024;

interface ReadList {
  readonly list: BaseList;
  readonly unpackedBytes: number;
}

/**
 * Reads the manifests of a job with the lists of their bases. A coordinator reads several after each checkpoint, which mostly name the same
 * lists: what is in a list is remembered by its checksum, and only the checksum is taken again.
 */
export class ManifestFiles {
  readonly #fileSystem: FileSystem;
  readonly #directory: JobDirectory;
  /** By SHA-256, those used last at the end. */
  readonly #lists = new Map<string, ReadList>();
  #rememberedBytes = 0;

  constructor(fileSystem: FileSystem, directory: JobDirectory) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
  }

  /**
   * The manifest of a checkpoint; undefined where it has none. Files that it leads to are read only if it is the announced one. Throws
   * CHECKPOINT_DAMAGED, CHECKPOINT_VERSION, CHECKPOINT_UNSAFE_NAME; for a list that is missing or is not the one that the manifest names
   * CHECKPOINT_FILE_MISSING, CHECKPOINT_FILE_DAMAGED.
   */
  async read(id: number, announcedSha256?: string): Promise<CheckpointManifest | undefined> {
    const path = this.#directory.manifestPath(id);
    const status = await this.#fileSystem.stat(path);
    if (status === undefined) {
      return undefined;
    }
    if (status.kind !== "file") {
      throw damaged("not-ours", path, "it is not a regular file");
    }
    if (status.sizeBytes > manifestFormat.maxBytes) {
      throw damaged("too-large", path, `it has ${status.sizeBytes} bytes, the limit is ${manifestFormat.maxBytes}`);
    }
    const bytes = await this.#fileSystem.readFile(path, { maxBytes: manifestFormat.maxBytes });
    const stored = decodeStoredManifest(bytes, path);
    if (announcedSha256 !== undefined && sha256Hex(bytes) !== announcedSha256) {
      throw damaged("altered", path, "its SHA-256 is not the one that was announced");
    }
    const lists = new Map<string, BaseList>();
    for (const each of stored.lists) lists.set(each.chain, await this.#read(each));
    return stored.complete(lists);
  }

  async #read({ chain, file, unpackedBytes }: StoredManifest["lists"][number]): Promise<BaseList> {
    const path = join(this.#directory.shared, file.name);
    if (file.sizeBytes > baseListFormat.maxBytes) {
      throw damaged("too-large", path, `it has ${file.sizeBytes} bytes, the limit is ${baseListFormat.maxBytes}`);
    }
    const bytes = await readWhole(this.#fileSystem, path, file);
    // No more than the manifest says, which has looked at the sum.
    const list = this.#lists.get(file.sha256)?.list ?? decodeBaseList(unpacked(bytes, unpackedBytes, path), path);
    if (list.chain !== chain) {
      throw damaged("shape", path, `it lists the base of ${JSON.stringify(list.chain)}, not of ${JSON.stringify(chain)}`);
    }
    this.#remember(file.sha256, { list, unpackedBytes });
    return list;
  }

  #remember(sha256: string, read: ReadList): void {
    this.#rememberedBytes -= this.#lists.get(sha256)?.unpackedBytes ?? 0;
    this.#lists.delete(sha256);
    this.#lists.set(sha256, read);
    this.#rememberedBytes += read.unpackedBytes;
    for (const [oldest, { unpackedBytes }] of this.#lists) {
      if (this.#rememberedBytes <= bytesRemembered) return;
      this.#lists.delete(oldest);
      this.#rememberedBytes -= unpackedBytes;
    }
  }
}

async function readWhole(fileSystem: FileSystem, path: string, { name, sizeBytes, sha256 }: FileReference): Promise<Uint8Array> {
  const status = await fileSystem.stat(path);
  if (status === undefined) {
    throw fileMissing({ name, path });
  }
  const isSame = status.kind === "file" && status.sizeBytes === sizeBytes;
  const bytes = isSame ? await fileSystem.readFile(path, { maxBytes: sizeBytes }) : new Uint8Array();
  if (!isSame || sha256Hex(bytes) !== sha256) {
    throw fileDamaged(`${path} is not the file that the checkpoint names`, { name, path });
  }
  return bytes;
}
