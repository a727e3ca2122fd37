import { StateError } from "@tidemark/core/state";

/** A place is (chunk << 16 | word in the chunk): 2^16 words of 4 bytes make a chunk of 256 KiB. */
const chunkWords = 1 << 16;
const smallestChunkWords = 1 << 10;
const mostChunks = 1 << 16;
const maxKeyBytes = 2 ** 30;
const unfinished = Number.POSITIVE_INFINITY;

/** The place of the key that was given to `stage()` last; no stored key has it, for that chunk stores none. */
export const stagedPlace = 0;

/**
 * Keys one behind the other in chunks of flat memory; a place, an unsigned 32-bit number, names one. A key is its
 * length (4 bytes), its bytes, and zeros up to a multiple of 4: so two keys are compared a word at a time.
 *
 * Keys stay where they are, in the order in which they came: the arena is the log of what was added as well.
 */
export class KeyArena {
  /** The chunks; number 0 holds the staged key. */
  readonly chunks: Uint8Array[] = [new Uint8Array(256)];
  /** The same memory to read words from. */
  readonly views: DataView[];
  readonly #usedWords: number[] = [0];
  readonly #maxChunks: number;
  #sizeBytes = 256;
  #tail: Uint8Array;
  #tailView: DataView;
  #tailWord = 0;
  #tailWords = 0;

  /** `maxChunks` is lower than 2^16 (16 GiB of keys) in tests only. */
  constructor(maxChunks = mostChunks) {
    this.#maxChunks = maxChunks;
    this.#tail = this.chunks[0] as Uint8Array;
    this.#tailView = new DataView(this.#tail.buffer);
    this.views = [this.#tailView];
  }

  /** Bytes of memory held. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Stores a copy of a key. Throws INVALID_ARGUMENT where there is no such range, KEY_TOO_LARGE past 1 GiB, NO_MEMORY
   * when the arena is full; nothing is stored then.
   */
  append(bytes: Uint8Array, start: number, end: number): void {
    if (!(start >= 0 && start <= end && end <= bytes.length && end - start <= maxKeyBytes)) refuse(bytes, start, end);
    const words = wordsOf(end - start);
    if (this.#tailWord + words > this.#tailWords) this.#addChunk(words);
    copyKey(bytes, start, end, this.#tail, this.#tailView, this.#tailWord * 4);
    this.#tailWord += words;
  }

  /** Puts a key where `compare()` finds it as `stagedPlace`, without storing it. Throws as `append()`. */
  stage(bytes: Uint8Array, start: number, end: number): void {
    if (!(start >= 0 && start <= end && end <= bytes.length && end - start <= maxKeyBytes)) refuse(bytes, start, end);
    const neededBytes = wordsOf(end - start) * 4;
    let chunk = this.chunks[0] as Uint8Array;
    if (neededBytes > chunk.length) {
      const grown = new Uint8Array(Math.max(neededBytes, chunk.length * 2));
      this.#sizeBytes += grown.length - chunk.length;
      chunk = grown;
      this.chunks[0] = chunk;
      this.views[0] = new DataView(chunk.buffer);
    }
    const view = this.views[0] as DataView;
    view.setUint32(neededBytes - 4, 0, true);
    copyKey(bytes, start, end, chunk, view, 0);
  }

  /** The place of the key that was added after that of `place`, which there must be. The first key follows `stagedPlace`. */
  after(place: number): number {
    const chunk = place >>> 16;
    const word = (place & 0xffff) + wordsOf(this.lengthOf(place));
    return word < (this.#usedWords[chunk] as number) ? chunk * chunkWords + word : (chunk + 1) * chunkWords;
  }

  /** Bytes of the key at a place. */
  lengthOf(place: number): number {
    return (this.views[place >>> 16] as DataView).getUint32((place & 0xffff) << 2, true);
  }

  /** Memcmp order, a shorter key before a longer one that starts with it. The first `fromWord` words are known to be equal. */
  compare(left: number, right: number, fromWord = 0): number {
    const leftView = this.views[left >>> 16] as DataView;
    const rightView = this.views[right >>> 16] as DataView;
    const leftStart = (left & 0xffff) << 2;
    const rightStart = (right & 0xffff) << 2;
    const leftLength = leftView.getUint32(leftStart, true);
    const rightLength = rightView.getUint32(rightStart, true);
    // The zeros behind a key decide nothing that its length would not: they are below any other byte.
    const end = ((leftLength < rightLength ? leftLength : rightLength) + 7) & ~3;
    for (let offset = 4 + fromWord * 4; offset < end; offset += 4) {
      const leftWord = leftView.getUint32(leftStart + offset, false);
      const rightWord = rightView.getUint32(rightStart + offset, false);
      if (leftWord !== rightWord) return leftWord < rightWord ? -1 : 1;
    }
    return leftLength - rightLength;
  }

  /** Chunks grow from 4 to 256 KiB, so that an index of few keys is small; a longer key gets one of its own size. */
  #addChunk(neededWords: number): void {
    const chunk = this.chunks.length;
    if (chunk >= this.#maxChunks) {
      throw new StateError(
        "NO_MEMORY",
        `an index of keys is full with ${this.#sizeBytes} bytes; let the write-back table be flushed at a lower size`,
        { details: { sizeBytes: this.#sizeBytes } },
      );
    }
    const words = Math.max(neededWords, Math.min(chunkWords, smallestChunkWords * 2 ** Math.min(chunk - 1, 6)));
    const bytes = new Uint8Array(words * 4);
    this.#usedWords[chunk - 1] = this.#tailWord;
    this.#usedWords.push(unfinished);
    this.#tail = bytes;
    this.#tailView = new DataView(bytes.buffer);
    this.chunks.push(bytes);
    this.views.push(this.#tailView);
    this.#sizeBytes += bytes.length;
    this.#tailWord = 0;
    this.#tailWords = words;
  }
}

/** Words of a key with its length in front. */
function wordsOf(lengthBytes: number): number {
  return (lengthBytes + 7) >>> 2;
}

/** The memory behind the key must be zero up to the next word. */
function copyKey(bytes: Uint8Array, start: number, end: number, target: Uint8Array, view: DataView, offset: number): void {
  view.setUint32(offset, end - start, true);
  // set() needs a subarray, which is garbage and costs more than this loop for a short key.
  if (end - start <= 128) {
    for (let from = start, to = offset + 4; from < end; from++, to++) target[to] = bytes[from] as number;
  } else {
    target.set(bytes.subarray(start, end), offset + 4);
  }
}

function refuse(bytes: Uint8Array, start: number, end: number): never {
  if (start >= 0 && start <= end && end <= bytes.length) {
    const lengthBytes = end - start;
    throw new StateError("KEY_TOO_LARGE", `a key of ${lengthBytes} bytes is over the limit of ${maxKeyBytes}; use a hash of it as the key`);
  }
  throw new StateError("INVALID_ARGUMENT", `no range ${start} .. ${end} in ${bytes.length} bytes`);
}
