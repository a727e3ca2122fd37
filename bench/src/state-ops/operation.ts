/** One measured operation on one state, with what it takes to check it. Flink's side has the same, method by method. */
export interface Operation {
  /** Whether it changes state: then an iteration ends with a snapshot. */
  readonly writes: boolean;
  /** What one index counts for: the entries of a map for operations that visit them all. */
  readonly operationsPerIndex: number;
  /** Most indices an iteration may run; bounds the state of operations that only add. */
  readonly indicesPerIteration: number;
  setUp(): void;
  beforeIteration?(): void;
  afterIteration?(): void;
  /** Runs the operation for the indices from (inclusive) to (exclusive). Returns the sum of all that it read. */
  run(from: number, to: number): number;
  /** What run() has to return. */
  expectedSum(from: number, to: number): number;
  /** Reads back what is there after the last iteration. Returns the entries compared; throws WrongResultError. */
  verify(iterationStart: number, end: number): number;
}

/** The sum of `at` over the indices from (inclusive) to (exclusive). */
export function sumOver(from: number, to: number, at: (index: number) => number): number {
  let sum = 0;
  for (let index = from; index < to; index += 1) sum += at(index);
  return sum;
}
