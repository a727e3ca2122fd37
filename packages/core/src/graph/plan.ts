import { StateError } from "../errors/index.js";
import type { ProcessFunctionFactory, Sink, Source } from "../operators/index.js";
import type { KeySerializer } from "../state/index.js";

/** A node of the dataflow as the job's author wrote it. Types of values are checked where the API builds it. */
export type PlanNode = SourceNode | MapNode | FilterNode | FlatMapNode | TimestampsNode | ProcessNode | SinkNode;

interface NodeBase {
  /** Unique in the job. Stateful nodes keep it across versions of the job: it names their state in checkpoints. */
  readonly id: string;
  readonly downstream: PlanNode[];
}

export interface SourceNode extends NodeBase {
  readonly kind: "source";
  readonly source: Source<unknown>;
}

export interface MapNode extends NodeBase {
  readonly kind: "map";
  readonly change: (value: unknown) => unknown;
}

export interface FilterNode extends NodeBase {
  readonly kind: "filter";
  readonly isWanted: (value: unknown) => boolean;
}

export interface FlatMapNode extends NodeBase {
  readonly kind: "flatMap";
  readonly expand: (value: unknown) => Iterable<unknown>;
}

export interface TimestampsNode extends NodeBase {
  readonly kind: "timestamps";
  readonly timestampOf: (value: unknown) => number;
  readonly outOfOrderMs: number;
}

export interface ProcessNode extends NodeBase {
  readonly kind: "process";
  readonly keyOf: (value: unknown) => unknown;
  readonly keySerializer: KeySerializer<unknown>;
  readonly create: ProcessFunctionFactory<unknown, unknown, unknown>;
}

export interface SinkNode extends NodeBase {
  readonly kind: "sink";
  readonly sink: Sink<unknown>;
}

/** The dataflow of a job: a tree below each source. */
export interface JobPlan {
  readonly sources: readonly SourceNode[];
}

/** Every node, upstream before downstream. */
export function* planNodes(plan: JobPlan): IterableIterator<PlanNode> {
  const pending: PlanNode[] = [...plan.sources];
  for (let node = pending.shift(); node !== undefined; node = pending.shift()) {
    yield node;
    pending.unshift(...node.downstream);
  }
}

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Throws INVALID_GRAPH unless the plan can run. */
export function checkPlan(plan: JobPlan): void {
  if (plan.sources.length === 0) throw new StateError("INVALID_GRAPH", "the job has no source; begin with env.source(name, source)");
  const ids = new Set<string>();
  for (const node of planNodes(plan)) {
    if (!idPattern.test(node.id)) {
      throw new StateError(
        "INVALID_GRAPH",
        `operator name ${JSON.stringify(node.id)} is not allowed: use 1 to 64 letters, digits, ".", "_" or "-", first a letter or digit`,
      );
    }
    if (ids.has(node.id))
      throw new StateError("INVALID_GRAPH", `two operators are named "${node.id}"; names tell their state apart, so give each its own`);
    ids.add(node.id);
    if (node.kind !== "sink" && node.downstream.length === 0) {
      throw new StateError("INVALID_GRAPH", `nothing takes the output of ${node.kind} "${node.id}"; end the stream with .sink(name, sink)`);
    }
  }
}
