/** The command behind `npm run bench:report`. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatDuration } from "../output/format.js";
import { runProgram } from "../program.js";
import { questions } from "../questions/index.js";
import { neededBytes } from "../runner/plan.js";
import { prepareSystems } from "../systems/launch.js";
import { requireSpace, scratchRoot } from "../systems/scratch-directory.js";
import { publishReport, requireMarkers } from "./publish-report.js";
import { parseReportCommandLine, type ReportRequest } from "./report-command-line.js";
import { identifiesSources, type Measured, publishResults, readResults } from "./results.js";
import { describePlan, planReport, type ReportOutcome, runReport } from "./run-report.js";
import { surroundingsHere } from "./surroundings.js";

const bench = fileURLToPath(new URL("../../", import.meta.url));
const log = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const request = parseReportCommandLine(args, questions);
  const directory = request.directory ?? bench;
  const resultsDirectory = join(directory, "results");
  const to = { directory, ...(request.directory === undefined ? { readme: join(bench, "../README.md") } : {}) };
  if (to.readme !== undefined) await requireMarkers(to.readme);
  const results = await readResults(resultsDirectory);
  if (!request.isWriteOnly) return measure(request, { results, resultsDirectory, to }, signal);
  if (results.length === 0) throw new Error(`${resultsDirectory} has no results; npm run bench:report measures them`);
  await publishReport(results, questions, to);
  log(`${join(directory, "RESULTS.md")} and RESULTS.html are written`);
  return 0;
}

interface Kept {
  readonly results: readonly Measured[];
  readonly resultsDirectory: string;
  readonly to: Parameters<typeof publishReport>[2];
}

async function measure(request: ReportRequest, { results, resultsDirectory, to }: Kept, signal: AbortSignal): Promise<number> {
  const { parts, isQuick, isAgain } = request;
  const surroundings = surroundingsHere();
  const wanted = [...new Set(parts.flatMap(({ systems }) => systems))];
  const plan = { parts, isQuick, isAgain, results, surroundings, log };
  const quietPlan = (systems: readonly string[]): ReturnType<typeof planReport> => planReport({ ...plan, systems, log: () => {} });
  const all = quietPlan(wanted);
  if (request.isPlanOnly) {
    for (const line of describePlan(all, formatDuration)) process.stdout.write(`${line}\n`);
    return 0;
  }
  // Parts run one after the other, and each removes its files: the largest decides.
  const needs = all.planned.map(({ part: { question, cases, size } }) => neededBytes(question, cases, size));
  await requireSpace(scratchRoot(), Math.max(0, ...needs));
  if (!identifiesSources(surroundings.commit)) log("sources differ from the last commit, so all of it is measured");
  const { systems, launch } = await prepareSystems(wanted, { isQuick, log }, signal);
  log(describePlan(quietPlan(systems), formatDuration).at(-1) ?? "");
  const kept = new Map(results.map((measured) => [measured.part, measured]));
  const outcome = await runReport({
    ...plan, systems, launch, signal,
    nowMs: () => performance.now(),
    timeOfDay: () => new Date().toISOString(),
    publish: async (measured) => {
      await publishResults(resultsDirectory, measured);
      kept.set(measured.part, measured);
      await publishReport([...kept.values()], questions, to);
    },
  });
  // Also when nothing was measured: goals or the texts around them may have changed.
  if (kept.size > 0 && outcome.measured.length === 0) await publishReport([...kept.values()], questions, to);
  for (const line of describeOutcome(outcome, to.directory)) log(line);
  return outcome.failed.length + outcome.stopped.length === 0 ? 0 : 1;
}

function describeOutcome({ measured, kept, failed, stopped }: ReportOutcome, directory: string): string[] {
  return [
    ...(kept.length === 0 ? [] : [`there already: ${kept.join(", ")} (--again measures them again)`]),
    ...(measured.length === 0 ? [] : [`measured: ${measured.join(", ")}`]),
    ...failed.map(({ part, reason }) => `failed: ${part}: ${reason.split("\n", 1)[0]}`),
    ...(stopped.length === 0 ? [] : [`stopped before: ${stopped.join(", ")}; the same call goes on from there`]),
    ...(measured.length + kept.length === 0 ? ["no results"] : [`${join(directory, "RESULTS.md")} and RESULTS.html are written`]),
  ];
}

await runProgram(main);
