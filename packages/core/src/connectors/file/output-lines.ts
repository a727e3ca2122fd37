import { createHash, type Hash } from "node:crypto";

const chunkCharacters = 65_536;

/** Where the output is: its length and the SHA-256 of all of it, lower-case hex. */
export interface OutputMark {
  readonly lengthBytes: number;
  readonly sha256: string;
}

/** Gathers lines into chunks of bytes and keeps the running length and hash of everything that was cut off. */
export class OutputLines {
  readonly #hash: Hash;
  #lengthBytes: number;
  #text = "";

  /** `hash` has seen the `lengthBytes` that are in the file already. */
  constructor(hash: Hash = createHash("sha256"), lengthBytes = 0) {
    this.#hash = hash;
    this.#lengthBytes = lengthBytes;
  }

  /** Takes a line; returns a chunk once there is enough for one. */
  add(line: string): Uint8Array | undefined {
    this.#text += `${line}\n`;
    return this.#text.length >= chunkCharacters ? this.cut() : undefined;
  }

  /** Everything not returned yet, or undefined. */
  cut(): Uint8Array | undefined {
    if (this.#text === "") return undefined;
    const bytes = Buffer.from(this.#text, "utf8");
    this.#text = "";
    this.#hash.update(bytes);
    this.#lengthBytes += bytes.length;
    return bytes;
  }

  /** Of all that was cut. */
  mark(): OutputMark {
    return { lengthBytes: this.#lengthBytes, sha256: this.#hash.copy().digest("hex") };
  }
}
