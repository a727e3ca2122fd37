import { StateError } from "../../errors/index.js";
import type { ByteWriter } from "../serializers/index.js";
import type { EntryChanges } from "./entry-changes.js";

/** What the process uses of a kind of memory, and the most it may use, in bytes. */
export interface MemoryUse {
  /** As an error names it: "JavaScript heap". */
  readonly name: string;
  readonly usedBytes: number;
  readonly limitBytes: number;
  /** How to get more of it: ends the error's message. */
  readonly advice: string;
}

/** Looks at the memory of the process. */
export type ReadMemory = () => readonly MemoryUse[];

/**
 * State is refused from this part of the memory on. V8 lets the heap grow to halfway between what lives and the limit before it
 * collects, so with so much in use at least 0.6 of the limit lives; when 0.8 live it may end the process for collecting too much.
 */
const usableShare = 0.8;

/** What an entry takes on the heap at most: objects for the map, the entry and its key, and for each byte of its encoding. */
const entryHeapBytes = 256;
const heapBytesPerStoredByte = 6;

/**
 * A Map that is full is written anew into one of twice its size, in one piece: 28 bytes for each entry there is room for (three words of
 * V8's OrderedHashMap and half a bucket); the array of a timer queue adds a few.
 */
const mapGrowthBytesPerEntry = 64;

/** Between two looks at the memory this part of what is left may be used. */
const sharePerLook = 1 / 16;
const smallestStepBytes = 64 * 1024;

/**
 * Refuses state with NO_MEMORY before the process runs out of memory and dies without a word. Looks at the memory only now and then:
 * after what is added could have used a part of what was left.
 */
export class MemoryGuard implements EntryChanges {
  readonly #read: ReadMemory;
  readonly #watched: { readonly size: number }[] = [];
  /** Bytes that may be added before the next look. */
  #leftBytes = 0;

  constructor(read: ReadMemory) {
    this.#read = read;
  }

  /** Keeps room for a collection of entries to grow in: one that holds them in a Map. */
  watch(collection: { readonly size: number }): void {
    this.#watched.push(collection);
  }

  /** An entry of so many stored bytes is about to be kept as objects. Throws NO_MEMORY. */
  addEntry(storedBytes: number): void {
    this.reserve(entryHeapBytes + heapBytesPerStoredByte * storedBytes);
  }

  /** So many bytes are about to be taken from the process. Throws NO_MEMORY. */
  reserve(bytes: number): void {
    this.#leftBytes -= bytes;
    if (this.#leftBytes < 0) this.#look(bytes);
  }

  put(key: ByteWriter, value: ByteWriter): void {
    this.addEntry(key.length + value.length);
  }

  append(_key: ByteWriter, elements: ByteWriter): void {
    this.addEntry(elements.length);
  }

  delete(): void {
    // Frees memory, if only after a while.
  }

  deleteAll(): void {
    // As delete().
  }

  #look(bytes: number): void {
    let leftBytes = Infinity;
    const growthBytes = this.#growthBytes();
    for (const { name, usedBytes, limitBytes, advice } of this.#read()) {
      const left = limitBytes * usableShare - growthBytes - usedBytes;
      if (left < bytes) {
        throw new StateError(
          "NO_MEMORY",
          `no room for more state: ${mebibytes(usedBytes)} of the ${name} are in use and the limit is ${mebibytes(limitBytes)}; ` +
            `${advice}, use more subtasks, or a backend on disk`,
          { details: { usedBytes, limitBytes } },
        );
      }
      leftBytes = Math.min(leftBytes, left);
    }
    this.#leftBytes = Math.max(smallestStepBytes, leftBytes * sharePerLook);
  }

  /** What the largest collection takes at once when it grows next. */
  #growthBytes(): number {
    let largest = 0;
    for (const { size } of this.#watched) largest = Math.max(largest, size);
    return mapGrowthBytesPerEntry * 2 ** Math.ceil(Math.log2(largest + 1));
  }
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
