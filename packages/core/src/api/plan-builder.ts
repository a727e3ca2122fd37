import type { JobPlan, PlanNode, SourceNode } from "../graph/index.js";

/** Collects the nodes of a plan while a job's author writes it. */
export class PlanBuilder {
  readonly #sources: SourceNode[] = [];
  readonly #counts = new Map<string, number>();

  addSource(node: SourceNode): SourceNode {
    this.#sources.push(node);
    return node;
  }

  append(upstream: PlanNode, node: PlanNode): PlanNode {
    upstream.downstream.push(node);
    return node;
  }

  /** Names for operators without state, which need none that lasts: "map-1", "map-2". */
  nextId(kind: string): string {
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    return `${kind}-${count}`;
  }

  build(): JobPlan {
    return { sources: this.#sources };
  }
}
