import { int64, msgpack, valueState } from "@tidemark/core/state";
import { type ResultLine, WrongResultError } from "../question.js";
import type { Settings } from "../settings.js";
import { CheckpointedState } from "../state/checkpointed-state.js";
import { describeBuild, ownSystem } from "../state/own-systems.js";
import { setUpValue, Workload } from "../state-ops/workload.js";

/** Writes many entries, takes a snapshot and reads them back on one of our backends. Throws WrongResultError. */
export async function measureStateLimits(settings: Settings, emit: (line: ResultLine) => void, nowMs: () => number): Promise<void> {
  const system = settings.text("system");
  const directory = settings.text("directory");
  const workload = new Workload(settings.number("keys"), settings.number("seed"));
  const state = await CheckpointedState.open(ownSystem(system).backend(directory), directory, int64(), nowMs);
  try {
    emit({ build: describeBuild(system) });
    // What MessagePack may hold has no fixed layout, so that the state cannot be a table of bytes.
    const value = settings.text("case").endsWith("-heap") ? msgpack<number>() : int64();
    const values = state.keyed.getState(valueState("value", value));
    const checkpoint = await state.begin();
    const startMs = nowMs();
    for (let index = 0; index < workload.keyCount; index += 1) {
      const key = workload.setUpKey(index);
      state.keyed.setCurrentKey(key);
      values.update(setUpValue(key));
    }
    const operatedMs = nowMs();
    const snapshot = await checkpoint.fix();
    await snapshot.written();
    const endMs = nowMs();
    await snapshot.complete();
    for (let key = 0; key < workload.keyCount; key += 1) {
      state.keyed.setCurrentKey(key);
      const found = values.value();
      if (found !== setUpValue(key)) throw new WrongResultError(`key ${key} holds ${found} instead of ${setUpValue(key)}`);
    }
    emit({ operations: workload.keyCount, operationsMs: operatedMs - startMs, snapshotMs: endMs - operatedMs });
    emit({ checked: workload.keyCount });
  } finally {
    await state.close();
  }
}
