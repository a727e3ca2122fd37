import type { FileOptions, Question } from "../question.js";
import { noProgress } from "../runner/progress.js";
import { type Launch, runQuestion } from "../runner/run-question.js";

/** What is asked of one question: cases, and the systems that are asked. */
export interface Check {
  readonly question: Question;
  readonly cases: readonly string[];
  readonly systems: readonly string[];
}

export interface CheckRun {
  readonly launch: Launch;
  readonly signal: AbortSignal;
  /** How many run at a time: their times mean nothing anyway. */
  readonly lanes: number;
  readonly log: (line: string) => void;
}

const own = ["memory", "fs", "rocksdb"];

/**
 * Every case of every question on our systems. Other systems are asked for the first measurement of a question, and for the first
 * of each kind that only some systems are asked for: that shows that they still do the same work as ours, and they take long to start.
 */
export function quickChecks(questions: readonly Question[], others: readonly string[]): Check[] {
  return questions.flatMap((question) => {
    const { systems, measurements } = question;
    const cases = (of: Question["measurements"]): string[] => of.flatMap(({ figures }) => figures.map(({ name }) => name));
    const firsts = measurements.filter((one, index) => measurements.findIndex((other) => other.systems === one.systems) === index);
    const beside = firsts.flatMap((first): Check[] => {
      const asked = others.filter((system) => systems.includes(system) && (first.systems?.includes(system) ?? true));
      return asked.length === 0 ? [] : [{ question, cases: cases([first]), systems: asked }];
    });
    return [{ question, cases: cases(measurements), systems: own.filter((system) => systems.includes(system)) }, ...beside];
  });
}

/** Runs checks with tiny sizes, a line for each. Failures do not end it; only the signal does, by throwing its reason. */
export async function runChecks(checks: readonly Check[], run: CheckRun): Promise<{ passed: number; failed: number }> {
  const waiting = [...checks];
  const totals = { passed: 0, failed: 0 };
  const lane = async (): Promise<void> => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const name = `${check.question.name} on ${check.systems.join(", ")}`;
      try {
        const figures = await runCheck(check, run);
        totals.passed += 1;
        run.log(`ok      ${name}: ${figures} figures`);
      } catch (error) {
        run.signal.throwIfAborted();
        totals.failed += 1;
        run.log(`FAILED  ${name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: run.lanes }, lane));
  return totals;
}

/** The number of figures, all of them of checked results. */
async function runCheck({ question, cases, systems }: Check, { launch, log }: CheckRun): Promise<number> {
  const files: FileOptions = { isQuick: true, log };
  for (const measurement of question.measurements) await measurement.files?.(files);
  const size = question.size.quick;
  const rows = await runQuestion({
    question, cases, systems, size, runs: 1, isQuick: true, launch,
    progress: noProgress, machine: "not noted", commit: "not noted",
  });
  return rows.length;
}
