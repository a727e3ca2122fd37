import { StateError } from "../errors/index.js";
import type { Source, SourceReader } from "../operators/source.js";
import type { Json } from "../storage/index.js";
import { requirePositiveInteger, requireSingleSubtask } from "./single-subtask.js";

export interface GeneratorSourceOptions<T> {
  /** How many records there are; Infinity for a source that never ends. */
  readonly count: number;
  /** The record at an index, the same at every call: a restored job asks again. */
  readonly record: (index: number) => T;
  /** Records a batch; default 1,024. */
  readonly batchSize?: number;
}

/** Records computed from their index. Throws INVALID_CONFIGURATION for a bad count or batch size. */
export function generatorSource<T>(options: GeneratorSourceOptions<T>): Source<T> {
  const { count, record } = options;
  if (count !== Number.POSITIVE_INFINITY && !(Number.isSafeInteger(count) && count >= 0)) {
    throw new StateError("INVALID_CONFIGURATION", `count must be a whole number of at least 0, or Infinity, not ${String(count)}`);
  }
  const batchSize = requirePositiveInteger("batchSize", options.batchSize ?? 1_024);
  const description = `generator of ${count}`;
  return {
    description,
    open: async (context, position) => {
      requireSingleSubtask(context, description);
      return new GeneratorReader({ count, record, batchSize }, startIndex(position, count), context.signal);
    },
  };
}

class GeneratorReader<T> implements SourceReader<T> {
  readonly totalRecords?: number;
  readonly #options: Required<GeneratorSourceOptions<T>>;
  readonly #signal: AbortSignal;
  readonly #batch: T[] = [];
  #index: number;

  constructor(options: Required<GeneratorSourceOptions<T>>, start: number, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#index = start;
    if (Number.isFinite(options.count)) this.totalRecords = options.count;
  }

  nextBatch(): readonly T[] | undefined {
    this.#signal.throwIfAborted();
    const { count, record, batchSize } = this.#options;
    const size = Math.min(batchSize, count - this.#index);
    if (size <= 0) return undefined;
    this.#batch.length = size;
    let offset = 0;
    try {
      for (; offset < size; offset++) this.#batch[offset] = record(this.#index + offset);
    } catch (cause) {
      const index = this.#index + offset;
      throw new StateError("USER_FUNCTION", `\`record\` failed for index ${index}: ${String(cause)}`, { cause, details: { index } });
    }
    this.#index += size;
    return this.#batch;
  }

  position(): Json {
    return { index: this.#index };
  }

  async close(): Promise<void> {}
}

function startIndex(position: Json | undefined, count: number): number {
  if (position === undefined) return 0;
  const index = typeof position === "object" && position !== null ? (position as { readonly index?: Json }).index : undefined;
  if (typeof index !== "number" || !Number.isSafeInteger(index) || index < 0) {
    throw new StateError(
      "CHECKPOINT_DAMAGED",
      `The stored position is not one: ${JSON.stringify(position)}; restore an earlier checkpoint`,
    );
  }
  if (index > count) {
    throw new StateError(
      "INPUT_DAMAGED",
      `The checkpoint was taken behind ${index} records, but the source has ${count} now; give it the same input`,
    );
  }
  return index;
}
