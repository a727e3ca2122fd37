import { StateError } from "../errors/index.js";
import type { SinkWriter, SourceReader } from "../operators/index.js";
import {
  type JobProgram,
  type JobRestore,
  type JobSettings,
  Latch,
  type OpenContext,
  SourceTask,
  Subtask,
} from "../runtime/index.js";
import { type KeyedStateBackend, OperatorStateIdRegistry } from "../state/index.js";
import type { Json } from "../storage/index.js";
import { yieldTurn } from "../time/index.js";
import { buildChain, type Chain } from "./chain.js";
import { type JobPlan, type PlanNode, planNodes } from "./plan.js";

interface Opened {
  readonly readers: Map<string, SourceReader<unknown>>;
  readonly sinks: Map<string, SinkWriter<unknown>>;
  readonly backends: Map<string, KeyedStateBackend<unknown>>;
  readonly stateIds: Map<string, OperatorStateIdRegistry>;
}

/** The program of a plan. */
export function programOf(plan: JobPlan): JobProgram {
  return {
    operatorIds: new Set([...planNodes(plan)].map((node) => node.id)),
    sinksThatKeepEffects: [...planNodes(plan)].flatMap((node) => (node.kind === "sink" && node.sink.rollsBack !== true ? [node.id] : [])),
    open: (context) => openSubtask(plan, context),
  };
}

async function openSubtask(plan: JobPlan, context: OpenContext): Promise<Subtask> {
  const opened: Opened = { readers: new Map(), sinks: new Map(), backends: new Map(), stateIds: new Map() };
  try {
    for (const node of planNodes(plan)) {
      context.signal.throwIfAborted();
      await openNode(node, context, opened);
    }
    context.signal.throwIfAborted();
    return assemble(plan, context.settings, context.restore, opened);
  } catch (error) {
    const parts = [...opened.readers.values(), ...opened.sinks.values(), ...opened.backends.values()];
    await Promise.allSettled(parts.map((part) => part.close()));
    throw error;
  }
}

async function openNode(node: PlanNode, { job, settings, restore, generation, signal }: OpenContext, opened: Opened): Promise<void> {
  const { fileSystem, maxParallelism, backend } = settings;
  const place = { subtask: 0, parallelism: 1, fileSystem };
  if (node.kind === "source") {
    const position = restore === undefined ? undefined : sourceState(node.id, restore).position;
    opened.readers.set(node.id, await node.source.open({ ...place, signal }, position));
  } else if (node.kind === "sink") {
    opened.sinks.set(node.id, await node.sink.open(place, restore?.connectorOf(node.id)));
  } else if (node.kind === "process") {
    const restored = restore?.keyedOf(node.id);
    const stateIds = new OperatorStateIdRegistry(node.id, restore?.stateIdsOf(node.id));
    opened.stateIds.set(node.id, stateIds);
    const context = {
      job,
      operator: node.id,
      subtask: 0,
      generation,
      keySerializer: node.keySerializer,
      keyGroups: { first: 0, last: maxParallelism - 1 },
      maxParallelism,
      fileSystem,
      nowMs: () => settings.clock.nowMs(),
      isDevelopment: settings.isDevelopment,
      stateIds,
      ...(restored === undefined ? {} : { restore: restored }),
    };
    opened.backends.set(node.id, await backend.open(context));
  }
}

function assemble(plan: JobPlan, settings: JobSettings, restore: JobRestore | undefined, opened: Opened): Subtask {
  const latch = new Latch();
  const chains: Chain[] = [];
  const sources: SourceTask[] = [];
  for (const node of plan.sources) {
    const chain = buildChain(node, {
      subtask: 0,
      clock: settings.clock,
      backendOf: ({ id }) => found(opened.backends, id),
      writerOf: ({ id }) => found(opened.sinks, id),
    });
    chains.push(chain);
    const records = restore === undefined ? 0 : sourceState(node.id, restore).records;
    sources.push(new SourceTask(node.id, found(opened.readers, node.id), chain.input, chain.endBatch, () => latch.wake(), records));
  }
  return new Subtask({
    index: 0,
    clock: settings.clock,
    yieldTurn,
    latch,
    sources,
    keyed: chains.flatMap((chain) => chain.keyed),
    backends: opened.backends,
    sinks: opened.sinks,
    stateIds: opened.stateIds,
  });
}

/** What Subtask stored for a source. A source that the checkpoint does not know starts at its beginning. */
function sourceState(id: string, restore: JobRestore): { position: Json | undefined; records: number } {
  const state = restore.connectorOf(id);
  if (state === undefined) return { position: undefined, records: 0 };
  const { position, records } = (state ?? {}) as { position?: Json; records?: Json };
  if (position === undefined || !Number.isSafeInteger(records) || (records as number) < 0) {
    throw new StateError(
      "CHECKPOINT_DAMAGED",
      `checkpoint ${restore.checkpoint.id} has a malformed position of source "${id}"; restore another checkpoint`,
    );
  }
  return { position, records: records as number };
}

function found<T>(parts: ReadonlyMap<string, T>, id: string): T {
  const part = parts.get(id);
  if (part === undefined) throw new StateError("INTERNAL", `operator "${id}" was not opened`);
  return part;
}
