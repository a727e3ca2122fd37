import { int64, type KeyedStateBackend, type ValueState, valueState } from "@tidemark/core/state";
import { type ResultLine, WrongResultError } from "../question.js";
import type { Settings } from "../settings.js";
import { CheckpointedState } from "../state/checkpointed-state.js";
import { describeBuild, ownSystem } from "../state/own-systems.js";
import { setUpValue, Workload } from "../state-ops/workload.js";
import { SnapshotsInTurns } from "./snapshots-in-turns.js";
import { UpdateWindows } from "./update-windows.js";

const windowLength = 1_000;

interface Run {
  readonly state: CheckpointedState<number>;
  readonly values: ValueState<number>;
  readonly workload: Workload;
  readonly updatesPerTurn: number;
  readonly snapshots: number;
  readonly nowMs: () => number;
}

/** Measures one case of state-latency on one of our backends. Throws WrongResultError. */
export async function measureStateLatency(settings: Settings, emit: (line: ResultLine) => void, nowMs: () => number): Promise<void> {
  const system = settings.text("system");
  const directory = settings.text("directory");
  const name = settings.text("case");
  // The pause is measured at a tenth of the size as well.
  const keyCount = name === "pause-1M" ? Math.ceil(settings.number("keys") / 10) : settings.number("keys");
  const state = await CheckpointedState.open(ownSystem(system).backend(directory), directory, int64(), nowMs);
  try {
    emit({ build: describeBuild(system) });
    const run: Run = {
      state,
      values: state.keyed.getState(valueState("value", int64())),
      workload: new Workload(keyCount, settings.number("seed")),
      updatesPerTurn: settings.number("updatesPerTurn"),
      snapshots: settings.number("snapshots"),
      nowMs,
    };
    emit(name === "updates" ? await longestUpdates(run) : await longestPause(run));
    emit({ checked: verify(state.keyed, run.values, keyCount) });
  } finally {
    await state.close();
  }
}

/** Writes every key once, from an empty state on, while one snapshot follows the other. */
async function longestUpdates({ state, values, workload, updatesPerTurn, nowMs }: Run): Promise<ResultLine> {
  const { keyed } = state;
  const snapshots = await SnapshotsInTurns.start(state);
  const windows = new UpdateWindows(windowLength, workload.keyCount, nowMs());
  for (let index = 0; index < workload.keyCount; index += 1) {
    const key = workload.setUpKey(index);
    keyed.setCurrentKey(key);
    values.update(setUpValue(key));
    windows.add(nowMs());
    if ((index + 1) % updatesPerTurn === 0) await snapshots.turn();
  }
  await snapshots.end();
  if (snapshots.completed === 0) throw new Error("no snapshot ran: the state is too small to measure this");
  return { ...windows.result(), snapshots: snapshots.completed };
}

/** Fills the state, then measures how long records wait while snapshots begin; updates go on while each is written. */
async function longestPause({ state, values, workload, updatesPerTurn, snapshots, nowMs }: Run): Promise<ResultLine> {
  const { keyed } = state;
  const update = (index: number): void => {
    const key = workload.setUpKey(index);
    keyed.setCurrentKey(key);
    values.update(setUpValue(key));
  };
  for (let index = 0; index < workload.keyCount; index += 1) update(index);
  let pauseMs = 0;
  let index = 0;
  for (let taken = 0; taken < snapshots; taken += 1) {
    const checkpoint = await state.begin();
    const startMs = nowMs();
    const snapshot = await checkpoint.fix();
    pauseMs = Math.max(pauseMs, nowMs() - startMs);
    const completed = new AbortController();
    const completion = snapshot.complete().finally(() => completed.abort());
    // A failure is thrown below; until then it is not unhandled.
    completion.catch(() => undefined);
    while (!completed.signal.aborted) {
      for (let count = 0; count < updatesPerTurn; count += 1) update(index++);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await completion;
  }
  return { pauseMs };
}

function verify(keyed: KeyedStateBackend<number>, values: ValueState<number>, keyCount: number): number {
  for (let key = 0; key < keyCount; key += 1) {
    keyed.setCurrentKey(key);
    const found = values.value();
    if (found !== setUpValue(key)) throw new WrongResultError(`key ${key} holds ${found} instead of ${setUpValue(key)}`);
  }
  return keyCount;
}
