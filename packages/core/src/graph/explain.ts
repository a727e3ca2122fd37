import type { JobPlan, PlanNode } from "./plan.js";

/** The dataflow as an indented tree, one operator a line. */
export function explainPlan(plan: JobPlan): string {
  return plan.sources.map((source) => explainNode(source, "")).join("");
}

function explainNode(node: PlanNode, indent: string): string {
  return `${indent}${describe(node)}\n${node.downstream.map((next) => explainNode(next, `${indent}  `)).join("")}`;
}

function describe(node: PlanNode): string {
  switch (node.kind) {
    case "source":
      return `source ${node.id}: ${node.source.description}`;
    case "sink":
      return `sink ${node.id}: ${node.sink.description}`;
    case "process":
      return `keyBy + process ${node.id}`;
    case "map":
    case "filter":
    case "flatMap":
    case "timestamps":
      return `${node.kind} ${node.id}`;
  }
}
