import { type GarbageItem, type GarbagePlan, type GarbageSweep, type JobPlace, planGarbage, sweepGarbage } from "@tidemark/core/storage";
import { totalBytes } from "../checkpoint-choice.js";
import { type CommandResult, problemOf } from "../command-result.js";
import { left, right, textTable } from "../text-table.js";
import { counted, formatBytes } from "../units.js";

/** `tidemark gc`. */
export async function gc(place: JobPlace, isDryRun: boolean): Promise<CommandResult> {
  const { plan, deleted, failure }: GarbageSweep = isDryRun ? { plan: await planGarbage(place), deleted: [] } : await sweepGarbage(place);
  const problems = [...plan.blockedBy, ...(failure === undefined ? [] : [failure])].map(problemOf);
  const mayGo = plan.items.filter((item) => item.mayGo);
  const isDeleted = new Set(deleted.map(({ path }) => path));
  const json = {
    job: plan.job, location: plan.location, generation: plan.generation, dryRun: isDryRun,
    deletedBytes: totalBytes(deleted), mayGoBytes: totalBytes(mayGo),
    items: plan.items.map((item) => ({ ...item, isDeleted: isDeleted.has(item.path) })),
    problems,
  };
  const rows = plan.items.map((item) => [verdict(item, isDeleted), formatBytes(item.sizeBytes), item.path, item.because]);
  const lines = [
    `job ${plan.job} in ${plan.location}, generation ${plan.generation}`,
    "",
    ...textTable([left("VERDICT"), right("SIZE"), left("PATH"), left("WHY")], rows),
    "",
    closing(plan, mayGo, deleted, isDryRun),
  ];
  return { json, lines, problems };
}

function verdict({ path, mayGo }: GarbageItem, isDeleted: ReadonlySet<string>): string {
  return isDeleted.has(path) ? "deleted" : mayGo ? "may go" : "stays";
}

function closing({ blockedBy }: GarbagePlan, mayGo: readonly GarbageItem[], deleted: readonly GarbageItem[], isDryRun: boolean): string {
  if (blockedBy.length > 0) {
    return "nothing was deleted: what cannot be read may need anything";
  }
  const sum = (items: readonly GarbageItem[]): string => `${counted(items.length, "item")}, ${formatBytes(totalBytes(items))}`;
  return isDryRun ? `${sum(mayGo)} may go; nothing was deleted (--dry-run)` : `deleted ${sum(deleted)}`;
}
