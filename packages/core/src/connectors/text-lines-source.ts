import { isUtf8 } from "node:buffer";
import { basename } from "node:path";
import { StateError } from "../errors/index.js";
import type { Source, SourceReader } from "../operators/source.js";
import type { Json, ReadableFile } from "../storage/index.js";
import { openInput, readInput } from "./input-file.js";
import { requirePositiveInteger, requireSingleSubtask } from "./single-subtask.js";

export interface TextLinesSourceOptions {
  readonly path: string;
  /** Lines a batch; default 1,024. */
  readonly batchSize?: number;
  /** A longer line is an error, not a full memory; default 1 MiB. */
  readonly maxLineBytes?: number;
}

/**
 * The lines of a UTF-8 file without their ends ("\n" or "\r\n"); the last one needs none. A byte order mark is skipped.
 * The file is read in pieces. Throws INPUT_UNREADABLE; INPUT_DAMAGED for bytes that are not UTF-8 or a line that is too long.
 */
export function textLinesSource(options: TextLinesSourceOptions): Source<string> {
  const { path } = options;
  const batchSize = requirePositiveInteger("batchSize", options.batchSize ?? 1_024);
  const maxLineBytes = requirePositiveInteger("maxLineBytes", options.maxLineBytes ?? 1_048_576);
  const description = `lines of ${basename(path)}`;
  return {
    description,
    open: async (context, position) => {
      requireSingleSubtask(context, description);
      const file = await openInput(context.fileSystem, path);
      try {
        const start = position === undefined ? await behindByteOrderMark(file, path) : await checkedOffset(position, file, path);
        return new LinesReader({ path, batchSize, maxLineBytes, file, start, signal: context.signal });
      } catch (error) {
        await file.close();
        throw error;
      }
    },
  };
}

const newline = 0x0a;
const carriageReturn = 0x0d;
const pieceBytes = 262_144;

interface LinesReaderOptions extends Required<TextLinesSourceOptions> {
  readonly file: ReadableFile;
  readonly start: number;
  readonly signal: AbortSignal;
}

class LinesReader implements SourceReader<string> {
  readonly #options: LinesReaderOptions;
  readonly #batch: string[] = [];
  /** Bytes of the file from `#offset` on that were read but not handed out. */
  #buffer: Buffer = Buffer.alloc(0);
  #offset: number;
  /** How much of the buffer is known to hold no line end. */
  #searched = 0;

  constructor(options: LinesReaderOptions) {
    this.#options = options;
    this.#offset = options.start;
  }

  nextBatch(): readonly string[] | undefined | Promise<readonly string[] | undefined> {
    this.#options.signal.throwIfAborted();
    const batch = this.#takeLines();
    return batch.length > 0 ? batch : this.#readLines();
  }

  position(): Json {
    return { offset: this.#offset };
  }

  close(): Promise<void> {
    return this.#options.file.close();
  }

  async #readLines(): Promise<readonly string[] | undefined> {
    const { file, path, maxLineBytes, signal } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      const readTo = this.#offset + this.#buffer.length;
      // A line that is longer than a piece is read in pieces that double, so that joining them stays cheap.
      const length = Math.min(Math.max(pieceBytes, this.#buffer.length), file.sizeBytes - readTo);
      if (length <= 0) return this.#takeLastLine();
      const piece = await readInput(file, path, readTo, length);
      this.#buffer = this.#buffer.length === 0 ? asBuffer(piece) : Buffer.concat([this.#buffer, piece]);
      const batch = this.#takeLines();
      if (batch.length > 0) return batch;
      if (this.#buffer.length > maxLineBytes + 1) throw this.#tooLong();
    }
  }

  #takeLines(): readonly string[] {
    const { batchSize } = this.#options;
    const batch = this.#batch;
    batch.length = 0;
    let start = 0;
    while (batch.length < batchSize) {
      const end = this.#buffer.indexOf(newline, Math.max(start, this.#searched));
      if (end < 0) {
        this.#searched = this.#buffer.length;
        break;
      }
      batch.push(this.#line(start, end));
      start = end + 1;
    }
    this.#offset += start;
    this.#buffer = this.#buffer.subarray(start);
    this.#searched = Math.max(0, this.#searched - start);
    return batch;
  }

  #takeLastLine(): readonly string[] | undefined {
    const end = this.#buffer.length;
    if (end === 0) return undefined;
    this.#batch.length = 0;
    this.#batch.push(this.#line(0, end));
    this.#offset += end;
    this.#buffer = Buffer.alloc(0);
    return this.#batch;
  }

  #line(start: number, end: number): string {
    const textEnd = end > start && this.#buffer[end - 1] === carriageReturn ? end - 1 : end;
    if (textEnd - start > this.#options.maxLineBytes) throw this.#tooLong(start);
    const bytes = this.#buffer.subarray(start, textEnd);
    if (!isUtf8(bytes)) throw this.#damaged(start, "is not UTF-8 text; convert the file");
    return bytes.toString("utf8");
  }

  #tooLong(start = 0): StateError {
    return this.#damaged(start, `is longer than ${this.#options.maxLineBytes} bytes; raise maxLineBytes if it should be`);
  }

  #damaged(start: number, what: string): StateError {
    const { path } = this.#options;
    const offset = this.#offset + start;
    return new StateError("INPUT_DAMAGED", `The line at byte ${offset} of ${path} ${what}`, { details: { path, offset } });
  }
}

async function behindByteOrderMark(file: ReadableFile, path: string): Promise<number> {
  if (file.sizeBytes < 3) return 0;
  const head = await readInput(file, path, 0, 3);
  return head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
}

async function checkedOffset(position: Json, file: ReadableFile, path: string): Promise<number> {
  const offset = typeof position === "object" && position !== null ? (position as { readonly offset?: Json }).offset : undefined;
  if (typeof offset !== "number" || !Number.isSafeInteger(offset) || offset < 0) {
    throw new StateError(
      "CHECKPOINT_DAMAGED",
      `The stored position of ${path} is not one: ${JSON.stringify(position)}; restore an earlier checkpoint`,
    );
  }
  const isStart = offset === 0 || (offset === 3 && (await behindByteOrderMark(file, path)) === 3);
  const isInside = offset <= file.sizeBytes;
  // A line ends right before the position, or the file did: anything else is another file.
  if (isStart || (isInside && (offset === file.sizeBytes || (await readInput(file, path, offset - 1, 1))[0] === newline))) return offset;
  throw new StateError(
    "INPUT_DAMAGED",
    `${path} changed since its checkpoint was taken: no line of it starts at byte ${offset}; put the file back`,
    {
      details: { path, offset, sizeBytes: file.sizeBytes },
    },
  );
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
