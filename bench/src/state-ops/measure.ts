import { int64 } from "@tidemark/core/state";
import { type ResultLine, WrongResultError } from "../question.js";
import type { Settings } from "../settings.js";
import { CheckpointedState } from "../state/checkpointed-state.js";
import { describeBuild, ownSystem } from "../state/own-systems.js";
import { budgetedBackend } from "../state/budgeted-backend.js";
import { measureDbBench } from "./db-bench.js";
import { largeOperation } from "./large-operations.js";
import { listOperation } from "./list-operations.js";
import { mapOperation } from "./map-operations.js";
import type { Operation } from "./operation.js";
import { valueOperation } from "./value-operations.js";
import { Workload } from "./workload.js";

/** Operations between two looks at the clock. */
const batch = 1_000;

/** Measures one operation on one of our backends; a line for each measured iteration. Throws WrongResultError. */
export async function measureStateOps(settings: Settings, emit: (line: ResultLine) => void, nowMs: () => number): Promise<void> {
  const system = settings.text("system");
  if (system === "db_bench") return measureDbBench(settings, emit);
  const directory = settings.text("directory");
  const name = settings.text("case");
  const largeName = /^(.+)-(20x|5pct)$/u.exec(name)?.[1];
  const backend = largeName === undefined
    ? ownSystem(system).backend(directory)
    : budgetedBackend(system, directory, settings.number("budgetBytes"));
  const workload = new Workload(settings.number("keys"), settings.number("seed"), settings.number("checks"));
  const state = await CheckpointedState.open(backend, directory, int64(), nowMs);
  try {
    emit({ build: describeBuild(system) });
    const operation = largeName === undefined ? operationNamed(name, state, workload) : largeOperation(largeName, state.keyed, workload);
    if (operation === undefined) throw new Error(`unknown case: ${name}`);
    const hasSnapshots = operation.writes && settings.text("snapshots") !== "none";
    operation.setUp();
    const warmUps = settings.number("warmUps");
    const iterations = warmUps + settings.number("iterations");
    let from = 0;
    for (let iteration = 0; iteration < iterations; iteration += 1) {
      operation.beforeIteration?.();
      const { end, line } = await iterate({ operation, state, hasSnapshots, nowMs }, from, settings.number("iterationMs"));
      if (iteration >= warmUps) emit(line);
      if (iteration === iterations - 1) emit({ checked: operation.verify(from, end) });
      from = end;
      operation.afterIteration?.();
    }
  } finally {
    await state.close();
  }
}

function operationNamed(name: string, { keyed }: CheckpointedState<number>, workload: Workload): Operation | undefined {
  const make = name.startsWith("value") ? valueOperation : name.startsWith("list") ? listOperation : mapOperation;
  return make(name, keyed, workload);
}

interface Subject {
  readonly operation: Operation;
  readonly state: CheckpointedState<number>;
  readonly hasSnapshots: boolean;
  readonly nowMs: () => number;
}

/** Runs for a while, and for an operation that writes also until the snapshot of what it wrote is complete. */
async function iterate(
  { operation, state, hasSnapshots, nowMs }: Subject,
  from: number,
  durationMs: number,
): Promise<{ end: number; line: ResultLine }> {
  const last = from + operation.indicesPerIteration;
  const checkpoint = hasSnapshots ? await state.begin() : undefined;
  let index = from;
  let sum = 0;
  const startMs = nowMs();
  let operatedMs = startMs;
  while (operatedMs - startMs < durationMs && index < last) {
    const to = Math.min(index + batch, last);
    sum += operation.run(index, to);
    index = to;
    operatedMs = nowMs();
  }
  const snapshot = await checkpoint?.fix();
  await snapshot?.written();
  const endMs = nowMs();
  const expected = operation.expectedSum(from, index);
  if (sum !== expected) throw new WrongResultError(`read a sum of ${sum} instead of ${expected}`);
  await snapshot?.complete();
  const operations = (index - from) * operation.operationsPerIndex;
  return { end: index, line: { operations, operationsMs: operatedMs - startMs, snapshotMs: endMs - operatedMs } };
}
