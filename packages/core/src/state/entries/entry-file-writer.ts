import { crc32 } from "node:zlib";
import { StateError } from "../../errors/index.js";
import { type ByteSource, commonBytes, copyRange } from "../serializers/byte-source.js";
import { type ByteReader, ByteWriter } from "../serializers/index.js";
import { blockHeaderBytes, blockMaxBytes, blockTargetBytes, endBlockBytes, entryFileMagic, sharedMaxBytes } from "./entry-file-format.js";

/** Of a record, before the key: a byte and two lengths. */
const headerMaxBytes = 11;

/**
 * Packs entries into the blocks of an entry file. Add entries, and take a block whenever isBlockFull(); memory stays at one block.
 */
export class EntryFileWriter {
  /** What the next key may share: the beginning of the one before. */
  readonly #shareable = new ByteWriter({ initialBytes: sharedMaxBytes });
  #shareableBytes = 0;
  readonly #block = new ByteWriter({ initialBytes: blockTargetBytes + 4096, maxBytes: blockMaxBytes });
  #count = 0;

  constructor() {
    this.#startBlock();
  }

  /** The first bytes of the file. */
  static header(): Uint8Array {
    return entryFileMagic;
  }

  get isBlockFull(): boolean {
    return this.#block.length >= blockTargetBytes;
  }

  add(key: ByteWriter, value: ByteWriter): void {
    this.#add(key, 0, key.length, value, 0, value.length);
  }

  /** Adds what two readers have left to read. */
  addRemaining(key: ByteReader, value: ByteReader): void {
    this.#add(key, key.position, key.end, value, value.position, value.end);
  }

  /** The finished block as bytes of their own, or undefined when it has no entries. */
  takeBlock(): Uint8Array | undefined {
    const block = this.#block;
    if (block.length === blockHeaderBytes) return undefined;
    block.patchU32(0, block.length - blockHeaderBytes);
    block.patchU32(4, crc32(block.bytes.subarray(blockHeaderBytes, block.length)));
    const bytes = block.copy();
    this.#startBlock();
    return bytes;
  }

  /** The last bytes of the file. */
  end(): Uint8Array {
    if (this.#block.length !== blockHeaderBytes)
      throw new StateError("INTERNAL", "an entry file was ended before its last block was taken");
    const end = new ByteWriter({ initialBytes: endBlockBytes });
    end.u32(0);
    end.u32(0);
    end.safeInteger(this.#count);
    end.patchU32(4, crc32(end.bytes.subarray(blockHeaderBytes, end.length)));
    return end.copy();
  }

  #add(key: ByteSource, keyStart: number, keyEnd: number, value: ByteSource, valueStart: number, valueEnd: number): void {
    const block = this.#block;
    const sharedBytes = this.#share(key, keyStart, Math.min(keyEnd, keyStart + sharedMaxBytes));
    const restStart = keyStart + sharedBytes;
    const restBytes = keyEnd - restStart;
    const valueBytes = valueEnd - valueStart;
    // Once for all that follows: this is done for every entry of a state.
    block.ensure(headerMaxBytes + restBytes + valueBytes);
    const { bytes, view } = block;
    let at = block.length;
    bytes[at++] = sharedBytes;
    if (restBytes < 0x80 && valueBytes < 0x80) {
      bytes[at++] = restBytes;
      bytes[at++] = valueBytes;
    } else {
      block.length = at;
      block.varint(restBytes);
      block.varint(valueBytes);
      at = block.length;
    }
    copyRange(key, restStart, keyEnd, bytes, view, at);
    copyRange(value, valueStart, valueEnd, bytes, view, at + restBytes);
    block.length = at + restBytes + valueBytes;
    this.#count += 1;
  }

  /** How much of a key's beginning is that of the one before; from here on it is the one before. */
  #share(key: ByteSource, start: number, end: number): number {
    const shareable = this.#shareable;
    const sharedBytes = commonBytes(shareable.view, 0, key.view, start, Math.min(this.#shareableBytes, end - start));
    copyRange(key, start + sharedBytes, end, shareable.bytes, shareable.view, sharedBytes);
    this.#shareableBytes = end - start;
    return sharedBytes;
  }

  #startBlock(): void {
    this.#block.reset();
    this.#block.u32(0);
    this.#block.u32(0);
    this.#shareableBytes = 0;
  }
}
