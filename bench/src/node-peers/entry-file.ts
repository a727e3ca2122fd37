import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { keyLength } from "./records.js";

const bufferBytes = 2 ** 20;
const lengthBytes = 4;

/** Writes entries one after the other: key, size of the value, value. What someone writes who has no snapshots and needs one. */
export class EntryFileWriter {
  readonly #file: number;
  readonly #buffer = Buffer.alloc(bufferBytes);
  #used = 0;

  constructor(path: string) {
    this.#file = openSync(path, "w");
  }

  /** Throws RangeError for a key or value that these files are not for. */
  add(key: Uint8Array, value: Uint8Array): void {
    const sizeBytes = keyLength + lengthBytes + value.length;
    if (key.length !== keyLength || sizeBytes > bufferBytes) throw new RangeError(`an entry of ${key.length} + ${value.length} bytes`);
    if (this.#used + sizeBytes > bufferBytes) this.#flush();
    this.#buffer.set(key, this.#used);
    this.#buffer.writeUInt32LE(value.length, this.#used + keyLength);
    this.#buffer.set(value, this.#used + keyLength + lengthBytes);
    this.#used += sizeBytes;
  }

  /** Nothing may be added after it. */
  close(): void {
    try {
      this.#flush();
    } finally {
      closeSync(this.#file);
    }
  }

  #flush(): void {
    for (let at = 0; at < this.#used; ) at += writeSync(this.#file, this.#buffer, at, this.#used - at);
    this.#used = 0;
  }
}

/** Visits the entries of such a file. Throws when it ends within one. */
export function readEntryFile(path: string, visit: (key: string, value: Uint8Array) => void): void {
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(2 * bufferBytes);
    let used = 0;
    for (;;) {
      const count = readSync(file, buffer, used, buffer.length - used, null);
      used += count;
      const taken = visitEntries(buffer.subarray(0, used), visit);
      buffer.copyWithin(0, taken, used);
      used -= taken;
      if (count > 0) continue;
      if (used > 0) throw new Error(`${path} ends within an entry`);
      return;
    }
  } finally {
    closeSync(file);
  }
}

/** Visits all entries that are complete. Returns their bytes. */
function visitEntries(bytes: Buffer, visit: (key: string, value: Uint8Array) => void): number {
  let at = 0;
  while (at + keyLength + lengthBytes <= bytes.length) {
    const valueAt = at + keyLength + lengthBytes;
    const end = valueAt + bytes.readUInt32LE(at + keyLength);
    if (end > bytes.length) break;
    visit(bytes.toString("latin1", at, at + keyLength), bytes.subarray(valueAt, end));
    at = end;
  }
  return at;
}
