import { crc32 } from "node:zlib";
import { StateError } from "../../errors/index.js";
import type { FileSystem, ReadableFile } from "../../storage/index.js";
import { type EntryConsumer, readEntries } from "../entries/entry-file-reader.js";
import { entryPrefixBytes } from "../key-context.js";
import { ByteReader } from "../serializers/index.js";
import { highestUserStateId, timerStateIds } from "../state-registry.js";
import { KeyOrder } from "./key-order.js";
import {
  frameBytes, headerMaxBytes, isShallow, parseHeader, savepointDamaged, type SavepointHeader, savepointMagic, savepointVersion,
} from "./savepoint-format.js";

/** Reads and checks the header of a savepoint file. Throws CHECKPOINT_FILE_DAMAGED, CHECKPOINT_VERSION. */
export async function readSavepointHeader(fileSystem: FileSystem, path: string): Promise<SavepointHeader> {
  const file = await fileSystem.openForRead(path);
  try {
    return (await readFrame(file, path)).header;
  } finally {
    await file.close();
  }
}

/**
 * Reads a savepoint file and gives each entry to `consume`, in the order of stored keys; between blocks other work may run. Resolves
 * with the header. Throws CHECKPOINT_FILE_DAMAGED unless the file is whole, CHECKPOINT_VERSION for a format that this release does not
 * read.
 */
export async function readSavepoint(fileSystem: FileSystem, path: string, consume: EntryConsumer): Promise<SavepointHeader> {
  const file = await fileSystem.openForRead(path);
  try {
    const { header, end } = await readFrame(file, path);
    const [first, last] = header.keyGroups;
    const order = new KeyOrder();
    await readEntries(file, path, end, (key, value) => {
      if (!order.isNext(key)) throw savepointDamaged(path, "its entries are not in order");
      key.need(entryPrefixBytes);
      const keyGroup = key.view.getUint16(key.position, false);
      if (keyGroup < first || keyGroup > last) {
        throw savepointDamaged(path, `it has an entry of key group ${keyGroup}, which is not its own`);
      }
      const stateId = key.view.getUint16(key.position + 2, false);
      if (!isStateId(stateId)) throw savepointDamaged(path, `it has an entry of state ${stateId}, which no state can have`);
      consume(key, value);
    });
    return header;
  } finally {
    await file.close();
  }
}

const timerIds: ReadonlySet<number> = new Set(Object.values(timerStateIds));

function isStateId(id: number): boolean {
  return (id >= 1 && id <= highestUserStateId) || timerIds.has(id);
}

async function readFrame(file: ReadableFile, path: string): Promise<{ readonly header: SavepointHeader; readonly end: number }> {
  const frame = await file.read(0, frameBytes);
  if (frame.length < frameBytes) throw savepointDamaged(path, "it is cut short");
  if (Buffer.compare(frame.subarray(0, savepointMagic.length), savepointMagic) !== 0) {
    throw savepointDamaged(path, "it does not begin like a savepoint");
  }
  const fields = new ByteReader(frame, savepointMagic.length);
  const version = fields.u32();
  const headerBytes = fields.u32();
  const checksum = fields.u32();
  // Before memory is taken for it.
  if (headerBytes > Math.min(headerMaxBytes, file.sizeBytes - frameBytes)) {
    throw savepointDamaged(path, `its header claims ${headerBytes} bytes`);
  }
  const json = await file.read(frameBytes, headerBytes);
  if (crc32(json, crc32(frame.subarray(savepointMagic.length, frameBytes - 4))) !== checksum) {
    throw savepointDamaged(path, "its header was altered");
  }
  if (version !== savepointVersion) {
    throw new StateError(
      "CHECKPOINT_VERSION",
      `${path} is a savepoint of format version ${version} and this release reads version ${savepointVersion}; restore it with the ` +
        `${version > savepointVersion ? "newer" : "older"} release that wrote it`,
      { details: { path, found: version, supported: savepointVersion } },
    );
  }
  return { header: parseHeader(parseJson(json, path), path), end: frameBytes + headerBytes };
}

function parseJson(json: Uint8Array, path: string): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
    if (isShallow(text)) return JSON.parse(text);
  } catch {
    // Reported below: the checksum was right, so whoever wrote it did not write JSON.
  }
  throw savepointDamaged(path, "its header is not JSON of bounded depth");
}
