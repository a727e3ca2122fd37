import { join } from "node:path";
import { StateError } from "../errors/index.js";
import { type BaseList, baseListFormat, decodeBaseList } from "./base-list.js";
import type { FileSystem } from "./file-system.js";
import { damaged, sha256Hex } from "./framed-json.js";
import type { JobDirectory } from "./job-directory.js";
import type { CheckpointManifest, FileReference } from "./manifest.js";
import { decodeStoredManifest, manifestFormat } from "./manifest-codec.js";

/**
 * Reads the manifest of a checkpoint and the lists of its bases; undefined where it has none. Files that the manifest leads to are read
 * only if it is the announced one. Throws CHECKPOINT_DAMAGED, CHECKPOINT_VERSION, CHECKPOINT_UNSAFE_NAME; for a list that is missing or
 * is not the one that the manifest names CHECKPOINT_FILE_MISSING, CHECKPOINT_FILE_DAMAGED.
 */
export async function readManifestFile(
  fileSystem: FileSystem,
  directory: JobDirectory,
  id: number,
  announcedSha256?: string,
): Promise<CheckpointManifest | undefined> {
  const path = directory.manifestPath(id);
  const status = await fileSystem.stat(path);
  if (status === undefined) {
    return undefined;
  }
  if (status.kind !== "file") {
    throw damaged("not-ours", path, "it is not a regular file");
  }
  if (status.sizeBytes > manifestFormat.maxBytes) {
    throw damaged("too-large", path, `it has ${status.sizeBytes} bytes, the limit is ${manifestFormat.maxBytes}`);
  }
  const bytes = await fileSystem.readFile(path, { maxBytes: manifestFormat.maxBytes });
  const stored = decodeStoredManifest(bytes, path);
  if (announcedSha256 !== undefined && sha256Hex(bytes) !== announcedSha256) {
    throw damaged("altered", path, "its SHA-256 is not the one that was announced");
  }
  const lists = new Map<string, BaseList>();
  let leftBytes = baseListFormat.maxBytes;
  for (const { chain, file } of stored.lists) {
    const listPath = join(directory.shared, file.name);
    leftBytes -= file.sizeBytes;
    if (leftBytes < 0) {
      throw damaged("too-large", path, `the lists of its bases have more than ${baseListFormat.maxBytes} bytes, the limit`);
    }
    const list = decodeBaseList(await readList(fileSystem, listPath, file), listPath);
    if (list.chain !== chain) {
      throw damaged("shape", listPath, `it lists the base of ${JSON.stringify(list.chain)}, not of ${JSON.stringify(chain)}`);
    }
    lists.set(chain, list);
  }
  return stored.complete(lists);
}

async function readList(fileSystem: FileSystem, path: string, { name, sizeBytes, sha256 }: FileReference): Promise<Uint8Array> {
  const details = { name, path };
  const status = await fileSystem.stat(path);
  if (status === undefined) {
    const message = `${path} is not there although a checkpoint needs it: use another checkpoint`;
    throw new StateError("CHECKPOINT_FILE_MISSING", message, { details });
  }
  const isSame = status.kind === "file" && status.sizeBytes === sizeBytes;
  const bytes = isSame ? await fileSystem.readFile(path, { maxBytes: sizeBytes }) : new Uint8Array();
  if (!isSame || sha256Hex(bytes) !== sha256) {
    const message = `${path} is not the file that the checkpoint names: restore it from a copy or use another checkpoint`;
    throw new StateError("CHECKPOINT_FILE_DAMAGED", message, { details });
  }
  return bytes;
}
