import { crc32 } from "node:zlib";
import { StateError } from "../../errors/index.js";
import { type ByteReader, ByteWriter } from "../serializers/index.js";
import { blockHeaderBytes, blockMaxBytes, blockTargetBytes, endBlockBytes, entryFileMagic } from "./entry-file-format.js";

/**
 * Packs entries into the blocks of an entry file. Add entries, and take a block whenever isBlockFull(); memory stays at one block.
 */
export class EntryFileWriter {
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
    this.#begin(key.length, value.length);
    this.#block.rawWords(key, 0, key.length);
    this.#block.rawWords(value, 0, value.length);
  }

  /** Adds what two readers have left to read. */
  addRemaining(key: ByteReader, value: ByteReader): void {
    this.#begin(key.remaining, value.remaining);
    this.#block.rawWords(key, key.position, key.end);
    this.#block.rawWords(value, value.position, value.end);
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

  #begin(keyBytes: number, valueBytes: number): void {
    this.#block.varint(keyBytes);
    this.#block.varint(valueBytes);
    this.#count += 1;
  }

  #startBlock(): void {
    this.#block.reset();
    this.#block.u32(0);
    this.#block.u32(0);
  }
}
