import { join } from "node:path";
import { bytes, int64, valueState } from "@tidemark/core/state";
import type { IndexAndFilters } from "@tidemark/state-rocksdb";
import { numberIn, type ResultLine } from "../question.js";
import type { Settings } from "../settings.js";
import { budgetedBackend } from "../state/budgeted-backend.js";
import { CheckpointedState } from "../state/checkpointed-state.js";
import { describeBuild } from "../state/own-systems.js";
import { load, phase, reader, type Run, settled } from "./memory-run.js";

const places: readonly IndexAndFilters[] = ["outside", "charged", "partitioned"];

/**
 * Reads of random keys, and the bytes that are counted, with index and filter blocks in each of the places where they can be. Throws
 * WrongResultError.
 */
export async function measureIndexMemory(settings: Settings, emit: (line: ResultLine) => void, nowMs: () => number): Promise<void> {
  emit({ build: describeBuild(settings.text("system")) });
  const figures: Record<string, number> = {};
  for (const place of places) Object.assign(figures, await measurePlace(place, settings, nowMs));
  emit(figures);
  emit({ checked: places.length * settings.number("operations") });
}

async function measurePlace(place: IndexAndFilters, settings: Settings, nowMs: () => number): Promise<Record<string, number>> {
  const directory = join(settings.text("directory"), place);
  const budgetBytes = settings.number("budgetBytes");
  const backend = budgetedBackend(settings.text("system"), join(directory, "working"), budgetBytes, { indexAndFilters: place });
  const state = await CheckpointedState.open(backend, directory, int64(), nowMs);
  try {
    const run: Run = {
      state,
      values: state.keyed.getState(valueState("value", bytes())),
      keyCount: settings.number("keys"),
      value: new Uint8Array(settings.number("valueBytes")),
      seed: settings.number("seed"),
      operations: settings.number("operations"),
      lookBytes: async () => countedBytes(state, place),
    };
    await load(run);
    await settled(state.keyed, nowMs);
    const startMs = nowMs();
    const peakBytes = await phase(run, reader(run));
    const readsPerSecond = (run.operations * 1_000) / (nowMs() - startMs);
    const indexBytes = numberIn(state.keyed.metrics?.() ?? {}, "tableReadersBytes");
    return {
      [`${place}-reads`]: readsPerSecond,
      [`${place}-counted`]: peakBytes / budgetBytes,
      [`${place}-index`]: indexBytes / budgetBytes,
    };
  } finally {
    await state.close();
  }
}

/** Table, copies of layers, block cache, and index and filters that are outside of it. */
function countedBytes(state: CheckpointedState<number>, place: IndexAndFilters): number {
  const metrics = state.keyed.metrics?.() ?? {};
  const outside = place === "charged" ? 0 : numberIn(metrics, "tableReadersBytes");
  return numberIn(metrics, "tableBytes") + numberIn(metrics, "layerCopyBytes") + numberIn(metrics, "blockCacheBytes") + outside;
}
