import { join } from "node:path";
import { yieldTurn } from "@tidemark/core/state";
import { SeededRandom } from "@tidemark/core/testing";
import type { ResultLine } from "../question.js";
import type { Settings } from "../settings.js";
import { describeBuild, ownSystem } from "../state/own-systems.js";
import { ParallelState } from "./parallel-state.js";

/** Records between two turns of the event loop. */
const batch = 1_000;

interface Run {
  readonly state: ParallelState;
  readonly settings: Settings;
  readonly random: SeededRandom;
  readonly keyCount: number;
}

/**
 * Restores a checkpoint of one subtask into two, or of two into one, until each has read a key. One job has one subtask so far, so the
 * subtasks' states are driven directly, all in this process. Throws WrongResultError.
 */
export async function measureRescale(settings: Settings, emit: (line: ResultLine) => void, nowMs: () => number): Promise<void> {
  const system = settings.text("system");
  const directory = settings.text("directory");
  const [before, after] = parallelisms(settings.text("case"));
  const keyCount = settings.number("keys");
  const valueBytes = settings.number("valueBytes");
  const state = new ParallelState({
    backend: ownSystem(system).backend(join(directory, "working")),
    checkpointDirectory: join(directory, "checkpoints"),
    keyCount,
    valueBytes,
  });
  const run = { state, settings, random: new SeededRandom(settings.number("seed")), keyCount };
  try {
    emit({ build: describeBuild(system) });
    await state.open(before);
    emit({ restoreBytes: await buildChain(run), stateBytes: keyCount * (8 + valueBytes) });
    for (let restore = 1; restore <= settings.number("restores"); restore += 1) {
      await state.close();
      const firstKey = run.random.below(keyCount);
      const startMs = nowMs();
      await state.open(after);
      state.checkFirst(firstKey);
      emit({ firstRecordMs: nowMs() - startMs });
    }
    emit({ checked: await checkKeys(run) });
  } finally {
    await state.close();
  }
}

function parallelisms(name: string): readonly [before: number, after: number] {
  if (name === "1to2") return [1, 2];
  if (name === "2to1") return [2, 1];
  throw new Error(`unknown case: ${name}`);
}

/** Bytes of the last checkpoint's files. */
async function buildChain({ state, settings, random, keyCount }: Run): Promise<number> {
  await inTurns(keyCount, (key) => state.update(key, true));
  let restoreBytes = await state.checkpoint();
  for (let delta = 0; delta < settings.number("deltas"); delta += 1) {
    await inTurns(settings.number("recordsPerRound"), () => state.update(random.below(keyCount), false));
    restoreBytes = await state.checkpoint();
  }
  return restoreBytes;
}

async function checkKeys({ state, settings, keyCount }: Run): Promise<number> {
  const checks = Math.min(settings.number("checks"), keyCount);
  await inTurns(checks, (index) => void state.check(Math.floor((index * keyCount) / checks)));
  return checks;
}

async function inTurns(count: number, action: (index: number) => void): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    action(index);
    if ((index + 1) % batch === 0) await yieldTurn();
  }
}
