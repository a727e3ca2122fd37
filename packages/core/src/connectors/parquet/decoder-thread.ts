import { Worker } from "node:worker_threads";
import { StateError } from "../../errors/index.js";
import type { ReadableFile } from "../../storage/index.js";
import { readInput } from "../input-file.js";
import type { ColumnData, ColumnRequest } from "./columns.js";
import type { DecoderReply, DecoderRequest, ParquetFileSummary } from "./messages.js";

interface Waiting {
  readonly resolve: (reply: DecoderReply) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The record thread's side of the decoder: starts the worker, serves its reads from the open file, and turns whatever goes
 * wrong in it (an error, an exit, no memory) into a rejected request. After a failure every request rejects with it.
 */
export class DecoderThread {
  readonly #path: string;
  readonly #file: ReadableFile;
  readonly #worker: Worker;
  #waiting: Waiting | undefined;
  #failure: unknown;
  #closed = false;

  constructor(path: string, file: ReadableFile, workerUrl: URL = workerLocation(import.meta.url)) {
    this.#path = path;
    this.#file = file;
    this.#worker = new Worker(workerUrl, { name: "tidemark-parquet" });
    this.#worker.on("message", (reply: DecoderReply) => this.#take(reply));
    this.#worker.on("messageerror", (error) => this.#fail(this.#crash(error)));
    this.#worker.on("error", (error) => this.#fail(this.#crash(error)));
    this.#worker.on("exit", (code) => this.#fail(this.#crash(new Error(`the thread ended with code ${code}`))));
    this.#worker.unref();
  }

  async open(columns: readonly ColumnRequest[]): Promise<ParquetFileSummary> {
    const reply = await this.#request({ type: "open", path: this.#path, sizeBytes: this.#file.sizeBytes, columns });
    if (reply.type !== "opened") throw this.#unexpected(reply);
    return reply.file;
  }

  /** Reads and decodes one row group. Only one request may be under way. */
  async decode(rowGroup: number): Promise<readonly ColumnData[]> {
    const reply = await this.#request({ type: "decode", rowGroup });
    if (reply.type !== "decoded" || reply.rowGroup !== rowGroup) throw this.#unexpected(reply);
    return reply.columns;
  }

  /** Ends the thread at once; a request under way rejects with `reason`. */
  async close(reason: unknown): Promise<void> {
    this.#closed = true;
    this.#fail(reason);
    await this.#worker.terminate();
  }

  #request(request: DecoderRequest): Promise<DecoderReply> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure as Error);
    if (this.#waiting !== undefined) return Promise.reject(new StateError("INTERNAL", "the Parquet decoder was asked twice at once"));
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      // Only a request under way keeps the process alive: a job that ends without close() must not hang on an idle thread.
      this.#worker.ref();
      this.#worker.postMessage(request);
    });
  }

  #take(reply: DecoderReply): void {
    if (this.#failure !== undefined) return;
    if (reply.type === "read") {
      this.#serve(reply.id, reply.offset, reply.length).catch((error: unknown) => this.#fail(error));
      return;
    }
    if (reply.type === "failed") {
      this.#fail(new StateError(reply.code, reply.message, { details: { path: this.#path } }));
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#worker.unref();
    waiting?.resolve(reply);
  }

  async #serve(id: number, offset: number, length: number): Promise<void> {
    const read = await readInput(this.#file, this.#path, offset, length);
    if (this.#closed) return;
    // Small reads of Node share one pool, which must not be handed over.
    const owned = read.byteOffset === 0 && read.byteLength === read.buffer.byteLength && read.buffer instanceof ArrayBuffer;
    const bytes = owned ? (read.buffer as ArrayBuffer) : new Uint8Array(read).buffer;
    const answer: DecoderRequest = { type: "bytes", id, bytes };
    this.#worker.postMessage(answer, [bytes]);
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(this.#failure);
    this.#worker.unref();
  }

  #crash(error: unknown): StateError {
    const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
    const reason = error instanceof Error ? error.message : String(error);
    const details = { path: this.#path };
    if (code === "ERR_WORKER_OUT_OF_MEMORY") {
      const message = `Decoding ${this.#path} ran out of memory: it is damaged, or one of its row groups is too large`;
      return new StateError("INPUT_DAMAGED", message, { cause: error, details });
    }
    const missing = code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
    const advice = missing ? "; its JavaScript is missing: run `npm run build` or install the package again" : "";
    return new StateError("INTERNAL", `The thread that decodes ${this.#path} stopped: ${reason}${advice}`, { cause: error, details });
  }

  #unexpected(reply: DecoderReply): StateError {
    return new StateError("INTERNAL", `the Parquet decoder answered ${reply.type} out of turn`);
  }
}

/**
 * Where the worker's JavaScript is: beside this module when built. Node 20 cannot start a thread from TypeScript, so from the sources
 * (unit tests) the built worker in dist/ is used; `npm run build` makes it.
 */
export function workerLocation(moduleUrl: string): URL {
  const built = moduleUrl.endsWith(".ts") ? moduleUrl.replace(/\/src\/(?=connectors\/parquet\/)/u, "/dist/") : moduleUrl;
  return new URL("./parquet-worker.js", built);
}
