import { crc32 } from "node:zlib";
import { isStateError, StateError } from "../../errors/index.js";
import type { FileSystem, ReadableFile } from "../../storage/index.js";
import { ByteReader, ByteWriter } from "../serializers/index.js";
import { corrupt } from "../serializers/refusal.js";
import { blockHeaderBytes, blockMaxBytes, endBlockBytes, entryFileMagic } from "./entry-file-format.js";

/** Takes one entry; both readers hold until the next one. */
export type EntryConsumer = (key: ByteReader, value: ByteReader) => void;

/**
 * Reads an entry file block by block and gives each entry to `consume`; between blocks other work may run. Resolves
 * with the number of entries. Throws CHECKPOINT_FILE_DAMAGED unless the file is whole.
 */
export async function readEntryFile(fileSystem: FileSystem, path: string, consume: EntryConsumer): Promise<number> {
  const file = await fileSystem.openForRead(path);
  try {
    return await readEntries(file, path, 0, consume);
  } finally {
    await file.close();
  }
}

/** The same for entries that begin at `start` of an open file and fill it; `path` is for messages. */
export async function readEntries(file: ReadableFile, path: string, start: number, consume: EntryConsumer): Promise<number> {
  try {
    return await readBlocks(file, path, start, consume);
  } catch (error) {
    if (isStateError(error) && error.code === "STATE_CORRUPT") throw damaged(path, error.message);
    throw error;
  }
}

async function readBlocks(file: ReadableFile, path: string, start: number, consume: EntryConsumer): Promise<number> {
  const magic = await file.read(start, entryFileMagic.length);
  if (Buffer.compare(magic, entryFileMagic) !== 0) throw damaged(path, `no entries begin at ${start}`);
  let offset = start + entryFileMagic.length;
  let count = 0;
  for (;;) {
    const header = new ByteReader(await file.read(offset, blockHeaderBytes));
    const length = header.u32();
    const checksum = header.u32();
    const isEnd = length === 0;
    const bodyBytes = isEnd ? endBlockBytes - blockHeaderBytes : length;
    // Before memory is taken for it.
    if (bodyBytes > Math.min(blockMaxBytes, file.sizeBytes)) throw damaged(path, `a block at ${offset} claims ${bodyBytes} bytes`);
    const body = await file.read(offset + blockHeaderBytes, bodyBytes);
    if (body.length !== bodyBytes) throw damaged(path, `it ends inside the block at ${offset}`);
    if (crc32(body) !== checksum) throw damaged(path, `the block at ${offset} has another checksum`);
    offset += blockHeaderBytes + bodyBytes;
    if (isEnd) {
      checkEnd(path, new ByteReader(body).safeInteger(), count, file.sizeBytes - offset);
      return count;
    }
    count += readRecords(body, consume);
  }
}

function readRecords(body: Uint8Array, consume: EntryConsumer): number {
  const records = new ByteReader(body);
  const whole = new ByteWriter({ maxBytes: blockMaxBytes });
  const key = new ByteReader();
  const value = new ByteReader();
  let count = 0;
  while (records.remaining > 0) {
    const sharedBytes = records.u8();
    if (sharedBytes > whole.length) corrupt("a key shares more than there is of the one before", records.position);
    const restBytes = records.varint();
    const valueBytes = records.varint();
    records.need(restBytes + valueBytes);
    whole.length = sharedBytes;
    whole.rawWords(records, records.position, records.position + restBytes);
    key.reset(whole.bytes, 0, whole.length);
    value.reset(body, records.position + restBytes, records.position + restBytes + valueBytes);
    records.skip(restBytes + valueBytes);
    consume(key, value);
    count += 1;
  }
  return count;
}

function checkEnd(path: string, expectedCount: number, count: number, extraBytes: number): void {
  if (expectedCount !== count) throw damaged(path, `it holds ${count} entries and says ${expectedCount}`);
  if (extraBytes !== 0) throw damaged(path, `${extraBytes} bytes follow its end`);
}

function damaged(path: string, what: string): StateError {
  return new StateError("CHECKPOINT_FILE_DAMAGED", `${path} is damaged: ${what}; restore an older checkpoint`, { details: { path } });
}
