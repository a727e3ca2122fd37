import type { ProcessNode, PlanNode, SinkNode, SourceNode } from "./plan.js";
import {
  fanOut,
  filterOperator,
  flatMapOperator,
  KeyedProcessOperator,
  mapOperator,
  type Output,
  type SinkWriter,
  timestampsOperator,
} from "../operators/index.js";
import type { KeyedStateBackend } from "../state/index.js";
import type { Clock } from "../time/index.js";

/** What a chain needs opened before it is built. */
export interface ChainResources {
  readonly subtask: number;
  readonly clock: Clock;
  readonly backendOf: (node: ProcessNode) => KeyedStateBackend<unknown>;
  readonly writerOf: (node: SinkNode) => SinkWriter<unknown>;
}

/** The operators below one source, ready to be called. */
export interface Chain {
  readonly input: Output<unknown>;
  /** To be called after each batch of the source. */
  readonly endBatch: readonly (() => void)[];
  readonly keyed: readonly KeyedProcessOperator<unknown, unknown, unknown>[];
}

/** Builds the operators below a source, sinks first, as nested direct calls. */
export function buildChain(source: SourceNode, resources: ChainResources): Chain {
  const endBatch: (() => void)[] = [];
  const keyed: KeyedProcessOperator<unknown, unknown, unknown>[] = [];

  function build(node: PlanNode): Output<unknown> {
    if (node.kind === "sink") return sinkOutput(resources.writerOf(node));
    const next = fanOut(node.downstream.map(build));
    switch (node.kind) {
      case "source":
        return next;
      case "map":
        return mapOperator(node.change, next);
      case "filter":
        return filterOperator(node.isWanted, next);
      case "flatMap":
        return flatMapOperator(node.expand, next);
      case "timestamps": {
        const operator = timestampsOperator(node.timestampOf, node.outOfOrderMs, next);
        endBatch.push(() => operator.endBatch());
        return operator;
      }
      case "process": {
        const { subtask, clock } = resources;
        const operator = new KeyedProcessOperator({
          name: node.id,
          subtask,
          keyOf: node.keyOf,
          create: node.create,
          backend: resources.backendOf(node),
          clock,
          next,
        });
        keyed.push(operator);
        return operator;
      }
    }
  }

  return { input: build(source), endBatch, keyed };
}

function sinkOutput(writer: SinkWriter<unknown>): Output<unknown> {
  return {
    collect: (value, timestampMs) => writer.write(value, timestampMs),
    watermark: () => undefined,
  };
}
