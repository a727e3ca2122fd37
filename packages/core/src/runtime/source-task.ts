import type { Output, SourceReader } from "../operators/index.js";
import type { Json } from "../storage/index.js";

/** One source of a subtask: fetches batches and feeds them to its chain, one when asked. */
export class SourceTask {
  readonly id: string;
  readonly #reader: SourceReader<unknown>;
  readonly #output: Output<unknown>;
  readonly #endBatch: readonly (() => void)[];
  readonly #wake: () => void;
  /** Behind the last record that was processed; a reader that fetches ahead is further on. */
  #position: Json;
  #ready: readonly unknown[] | undefined;
  #error: unknown;
  #state: "idle" | "fetching" | "ready" | "failed" | "ended" = "idle";
  #records: number;

  constructor(
    id: string,
    reader: SourceReader<unknown>,
    output: Output<unknown>,
    endBatch: readonly (() => void)[],
    wake: () => void,
    restoredRecords: number,
  ) {
    this.id = id;
    this.#reader = reader;
    this.#output = output;
    this.#endBatch = endBatch;
    this.#wake = wake;
    this.#position = reader.position();
    this.#records = restoredRecords;
  }

  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  /** Records processed, over all lives of the job up to the state it was restored from. */
  get records(): number {
    return this.#records;
  }

  get totalRecords(): number | undefined {
    return this.#reader.totalRecords;
  }

  get position(): Json {
    return this.#position;
  }

  /** Processes the next batch if it is there. False when there is none yet; then wake() is called once there is. */
  step(): boolean {
    if (this.#state === "idle") this.#fetch();
    if (this.#state === "failed") throw this.#error;
    if (this.#state !== "ready") return false;
    this.#state = "idle";
    const batch = this.#ready;
    this.#ready = undefined;
    if (batch === undefined) {
      this.#state = "ended";
      this.#output.watermark(Infinity);
      return true;
    }
    for (let index = 0; index < batch.length; index += 1) this.#output.collect(batch[index], undefined);
    for (const end of this.#endBatch) end();
    this.#records += batch.length;
    this.#position = this.#reader.position();
    return true;
  }

  async close(): Promise<void> {
    await this.#reader.close();
  }

  #fetch(): void {
    const next = this.#reader.nextBatch();
    if (!(next instanceof Promise)) {
      this.#ready = next;
      this.#state = "ready";
      return;
    }
    this.#state = "fetching";
    next.then(
      (batch) => {
        this.#ready = batch;
        this.#state = "ready";
        this.#wake();
      },
      (error: unknown) => {
        this.#error = error;
        this.#state = "failed";
        this.#wake();
      },
    );
  }
}
