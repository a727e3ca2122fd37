import type { FileOptions } from "../question.js";
import { selectCases } from "../runner/plan.js";
import { type Launch, runQuestion } from "../runner/run-question.js";
import { askedSystems } from "./durations.js";
import type { ReadyPart } from "./parts.js";
import { expectedDurationMs, type PlannedPart, ReportProgress } from "./report-progress.js";
import { isMeasured, type Measured, type Surroundings } from "./results.js";

export interface ReportRun {
  readonly parts: readonly ReadyPart[];
  /** Systems that can run here. */
  readonly systems: readonly string[];
  readonly isQuick: boolean;
  /** Measures again what there are results of. */
  readonly isAgain: boolean;
  readonly results: readonly Measured[];
  readonly surroundings: Surroundings;
  readonly launch: Launch;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  readonly nowMs: () => number;
  /** The time of the day, as ISO 8601. */
  readonly timeOfDay: () => string;
  /** Keeps what a part gave. Called before the next part begins. */
  publish(measured: Measured): Promise<void>;
}

/** What became of a report: parts by name. */
export interface ReportOutcome {
  readonly measured: readonly string[];
  readonly kept: readonly string[];
  /** With what went wrong. Other parts were measured all the same. */
  readonly failed: readonly { readonly part: string; readonly reason: string }[];
  /** Not begun or not finished, because the report was stopped. */
  readonly stopped: readonly string[];
}

/** What is needed to decide which parts are measured. */
export type Plan = Pick<ReportRun, "parts" | "systems" | "isQuick" | "isAgain" | "results" | "surroundings" | "log">;

/** Parts without results of this commit, build and machine, on the systems that can run; all of them with `isAgain`. And the others. */
export function planReport(plan: Plan): { readonly planned: readonly PlannedPart[]; readonly kept: readonly string[] } {
  const { parts, isQuick, isAgain, results, surroundings, log } = plan;
  const kept: string[] = [];
  const planned = parts.flatMap((part): PlannedPart[] => {
    const fitting = part.systems.filter((system) => {
      const reason = part.question.tooLarge?.(system, part.size);
      if (reason !== undefined) log(`${part.name}: ${system} is skipped: ${reason}`);
      return reason === undefined && plan.systems.includes(system);
    });
    const systems = askedSystems(part, fitting);
    if (systems.length === 0) {
      log(`${part.name} is skipped: none of its systems can run here`);
      return [];
    }
    if (!isAgain && isMeasured(results, part, systems, surroundings, isQuick)) {
      kept.push(part.name);
      return [];
    }
    return [{ part, systems, isQuick }];
  });
  return { planned, kept };
}

/** Measures part after part. What a part gave is published when it is done, so that a call that is stopped keeps it. */
export async function runReport(run: ReportRun): Promise<ReportOutcome> {
  const { planned, kept } = planReport(run);
  const measured: string[] = [];
  const failed: { part: string; reason: string }[] = [];
  const progress = new ReportProgress(planned, run.log, run.nowMs);
  for (const next of planned) {
    if (run.signal.aborted) break;
    try {
      await run.publish(await measurePart(run, next, progress));
      measured.push(next.part.name);
    } catch (error) {
      if (run.signal.aborted) break;
      const reason = error instanceof Error ? error.message : String(error);
      run.log(`${next.part.name} failed: ${reason}`);
      failed.push({ part: next.part.name, reason });
    }
  }
  const isDone = (name: string): boolean => measured.includes(name) || failed.some(({ part }) => part === name);
  const stopped = planned.map(({ part }) => part.name).filter((name) => !isDone(name));
  return { measured, kept, failed, stopped };
}

/** Lines that say what would be measured, and how long that takes. */
export function describePlan({ planned, kept }: ReturnType<typeof planReport>, duration: (durationMs: number) => string): string[] {
  const lines = planned.map((entry) => {
    const { part, systems } = entry;
    const runs = `${part.runs} ${part.runs === 1 ? "run" : "runs"}`;
    return `${part.name}: ${part.question.name} on ${systems.join(", ")}, ${runs}, about ${duration(expectedDurationMs([entry]))}`;
  });
  return [
    ...kept.map((name) => `${name}: there already`),
    ...lines,
    `${planned.length} parts to measure, about ${duration(expectedDurationMs(planned))} in all`,
  ];
}

async function measurePart(run: ReportRun, planned: PlannedPart, progress: ReportProgress): Promise<Measured> {
  const { part, systems } = planned;
  const { surroundings, isQuick, log } = run;
  const { commit, machine } = surroundings;
  const options: FileOptions = { isQuick, log };
  for (const measurement of selectCases(part.question, part.cases)) await measurement.files?.(options);
  const rows = await runQuestion({
    question: part.question, cases: part.cases, size: part.size, runs: part.runs,
    systems, isQuick, launch: run.launch, progress: progress.begin(planned), machine, commit,
  });
  return { part: part.name, finishedAt: run.timeOfDay(), isQuick, build: surroundings.buildOf(systems), rows };
}
