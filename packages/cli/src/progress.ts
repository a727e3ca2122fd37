import type { Terminal } from "./terminal.js";
import { formatBytes } from "./units.js";

/** A line that is drawn over while bytes go by; nothing at all where no person watches. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #what: string;
  readonly #totalBytes: number;
  #doneBytes = 0;
  #shown = "";

  constructor(terminal: Terminal, what: string, totalBytes: number) {
    this.#terminal = terminal;
    this.#what = what;
    this.#totalBytes = totalBytes;
  }

  add(bytes: number): void {
    this.#doneBytes += bytes;
    const percent = this.#totalBytes === 0 ? 100 : Math.floor((100 * this.#doneBytes) / this.#totalBytes);
    this.#show(`${this.#what} ${formatBytes(this.#doneBytes)} of ${formatBytes(this.#totalBytes)} (${percent} %)`);
  }

  /** Wipes the line. */
  end(): void {
    if (this.#shown !== "") {
      this.#terminal.err(`\r${" ".repeat(this.#shown.length)}\r`);
    }
  }

  #show(text: string): void {
    if (this.#terminal.isErrInteractive && text !== this.#shown) {
      this.#terminal.err(`\r${text.padEnd(this.#shown.length)}`);
      this.#shown = text;
    }
  }
}
