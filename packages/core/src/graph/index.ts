export { explainPlan } from "./explain.js";
export { checkPlan, type JobPlan, type PlanNode, type SourceNode } from "./plan.js";
export { programOf } from "./program.js";
