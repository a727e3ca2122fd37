import { Worker } from "node:worker_threads";

/**
 * The thread's program, as text: it then runs the same from compiled JavaScript, from TypeScript sources under a test runner and
 * from a bundle. It reads in chunks and looks at a shared flag between them, so that an abort does not wait for the file's end.
 * os.setPriority(0, ...) calls setpriority(PRIO_PROCESS, 0), which on Linux changes the calling thread alone, elsewhere
 * the whole process; so it is made on Linux only.
 */
const program = `
const { parentPort } = require("node:worker_threads");
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const os = require("node:os");
if (process.platform === "linux") { try { os.setPriority(0, 19); } catch {} }
const chunk = Buffer.allocUnsafe(1 << 20);
function writeAll(file, bytes) {
  for (let done = 0; done < bytes.length; ) done += fs.writeSync(file, bytes, done, bytes.length - done);
}
function requireWanted(cancelled) {
  if (Atomics.load(cancelled, 0) !== 0) throw new Error("cancelled");
}
// Files that are hashed while they grow.
const growing = new Map();
function grow({ id, path, cancelled, upTo, isDropped }) {
  const state = growing.get(id) ?? { hash: createHash("sha256"), done: 0 };
  growing.set(id, state);
  try {
    if (state.error === undefined && !isDropped) {
      state.file ??= fs.openSync(path, "r");
      while (state.done < upTo) {
        requireWanted(cancelled);
        const length = fs.readSync(state.file, chunk, 0, Math.min(chunk.length, upTo - state.done), null);
        if (length === 0) break;
        state.hash.update(chunk.subarray(0, length));
        state.done += length;
      }
    }
  } catch (error) {
    state.error = error;
  }
  if (upTo !== Infinity && !isDropped) return;
  growing.delete(id);
  if (state.file !== undefined) fs.closeSync(state.file);
  const { error, hash } = state;
  parentPort.postMessage(error === undefined ? { id, sha256: hash.digest("hex") } : { id, errno: error.code, message: error.message });
}
parentPort.on("message", (request) => {
  if (request.isGrowing) return grow(request);
  const { id, path, to, cancelled } = request;
  let file;
  let copy;
  let isCreated = false;
  let answer;
  try {
    requireWanted(cancelled);
    file = fs.openSync(path, "r");
    if (to !== undefined) {
      copy = fs.openSync(to, "wx");
      isCreated = true;
    }
    const hash = createHash("sha256");
    for (;;) {
      const length = fs.readSync(file, chunk, 0, chunk.length, null);
      if (length === 0) break;
      const bytes = chunk.subarray(0, length);
      if (copy !== undefined) writeAll(copy, bytes);
      hash.update(bytes);
      requireWanted(cancelled);
    }
    if (copy !== undefined) {
      const closing = copy;
      copy = undefined;
      // Some file systems say only here that there was no room.
      fs.closeSync(closing);
    }
    answer = { id, sha256: hash.digest("hex") };
  } catch (error) {
    answer = { id, errno: error.code, message: error.message };
    if (copy !== undefined) { try { fs.closeSync(copy); } catch {} }
    if (isCreated) { try { fs.unlinkSync(to); } catch {} }
  } finally {
    if (file !== undefined) fs.closeSync(file);
  }
  parentPort.postMessage(answer);
});
`;

/** The thread could not be started or died; the caller can hash on its own thread instead. */
export class HashWorkerUnavailable extends Error {
  override readonly name = "HashWorkerUnavailable";
}

interface Reply {
  readonly id: number;
  readonly sha256?: string;
  readonly errno?: string;
  readonly message?: string;
}

/** A file that is hashed while it grows. */
export interface RunningHash {
  /** Reads as far as that. */
  read(upToBytes: number): void;
  /** Reads the rest. As HashWorker.hash(). */
  digest(): Promise<string>;
  cancel(): void;
}

interface PendingHash {
  resolve(sha256: string): void;
  reject(error: unknown): void;
}

/**
 * Computes SHA-256 of files, and copies them on the way where asked to, on one thread of low priority (rule 26), started by the first
 * request. An idle thread does not keep the process alive; one with work does.
 */
export class HashWorker {
  #worker: Worker | undefined;
  #nextId = 0;
  readonly #pending = new Map<number, PendingHash>();

  /** Files asked for and not hashed yet. */
  get openRequests(): number {
    return this.#pending.size;
  }

  /**
   * SHA-256 in lower-case hex. Rejects with Node's error (errno in `code`) when the file cannot be read, with the signal's reason
   * when aborted, with HashWorkerUnavailable when there is no thread.
   */
  hash(path: string, signal?: AbortSignal): Promise<string> {
    return this.#request({ path }, signal);
  }

  /** As hash(), and writes what it reads to a new file. An abort takes effect when nothing of that file is left. */
  copy(path: string, to: string, signal?: AbortSignal): Promise<string> {
    return this.#request({ path, to }, signal);
  }

  /** Begins to hash a file that is still written to. Throws HashWorkerUnavailable. */
  start(path: string, signal?: AbortSignal): RunningHash {
    const cancelled = new Int32Array(new SharedArrayBuffer(4));
    const worker = this.#running();
    const id = this.#nextId++;
    const result = this.#pend(id, worker, cancelled, signal, true);
    // Nobody may come to ask for it.
    result.catch(() => undefined);
    const post = (message: { readonly upTo: number; readonly isDropped?: boolean }): void =>
      worker.postMessage({ id, path, cancelled, isGrowing: true, ...message });
    return {
      read: (upToBytes) => post({ upTo: upToBytes }),
      digest: () => (post({ upTo: Infinity }), result),
      cancel: () => {
        Atomics.store(cancelled, 0, 1);
        post({ upTo: 0, isDropped: true });
      },
    };
  }

  async #request(wanted: { readonly path: string; readonly to?: string }, signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted();
    const worker = this.#running();
    const id = this.#nextId++;
    const cancelled = new Int32Array(new SharedArrayBuffer(4));
    const result = this.#pend(id, worker, cancelled, signal, wanted.to === undefined);
    worker.postMessage({ id, ...wanted, cancelled });
    return await result;
  }

  /** The answer to a request. `endsAtOnce`: at an abort, and not only when the thread has noticed. */
  #pend(id: number, worker: Worker, cancelled: Int32Array, signal: AbortSignal | undefined, endsAtOnce: boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        Atomics.store(cancelled, 0, 1);
        if (endsAtOnce) reject(signal?.reason);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      const done = (): void => signal?.removeEventListener("abort", onAbort);
      this.#pending.set(id, {
        resolve: (sha256) => (done(), resolve(sha256)),
        reject: (error) => (done(), reject(signal?.aborted === true ? signal.reason : error)),
      });
      worker.ref();
    });
  }

  /** Ends the thread; requests still open are rejected. A later request starts a new one. */
  async close(): Promise<void> {
    const worker = this.#worker;
    this.#lost(worker, "it was closed");
    await worker?.terminate();
  }

  #running(): Worker {
    if (this.#worker !== undefined) {
      return this.#worker;
    }
    let worker: Worker;
    try {
      worker = new Worker(program, { eval: true, execArgv: [], env: {}, name: "tidemark-sha256" });
    } catch (cause) {
      throw new HashWorkerUnavailable("the hashing thread cannot be started", { cause });
    }
    worker.unref();
    worker.on("message", (reply: Reply) => this.#answer(worker, reply));
    worker.on("error", (error) => this.#lost(worker, String(error)));
    worker.on("exit", (exitCode) => this.#lost(worker, `exit code ${exitCode}`));
    this.#worker = worker;
    return worker;
  }

  #answer(worker: Worker, reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (this.#pending.size === 0) {
      worker.unref();
    }
    if (reply.sha256 !== undefined) {
      pending?.resolve(reply.sha256);
    } else {
      pending?.reject(Object.assign(new Error(reply.message), reply.errno === undefined ? {} : { code: reply.errno }));
    }
  }

  #lost(worker: Worker | undefined, why: string): void {
    if (worker === undefined || this.#worker !== worker) {
      return;
    }
    this.#worker = undefined;
    const open = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of open) {
      pending.reject(new HashWorkerUnavailable(`the hashing thread ended: ${why}`));
    }
  }
}
