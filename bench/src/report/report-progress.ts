import { formatDuration, formatValue } from "../output/format.js";
import type { Step } from "../runner/plan.js";
import type { Progress, ShownValue } from "../runner/progress.js";
import { Durations, type PartStep, stepsOf } from "./durations.js";
import type { ReadyPart } from "./parts.js";

/** A part that will be measured, on the systems that can run. */
export interface PlannedPart {
  readonly part: ReadyPart;
  readonly systems: readonly string[];
  readonly isQuick: boolean;
}

/** How long parts take together, as far as that is known before. */
export function expectedDurationMs(parts: readonly PlannedPart[], durations: Durations = new Durations()): number {
  const all = parts.flatMap(({ part, systems, isQuick }) => stepsOf(part, systems).map((step) => durations.of(step, { ...part, isQuick })));
  return all.reduce((sum, durationMs) => sum + durationMs, 0);
}

/** A line for each process that ended, with the time that the whole rest of the report will take. */
export class ReportProgress {
  readonly #log: (line: string) => void;
  readonly #nowMs: () => number;
  readonly #durations = new Durations();
  #waiting: readonly PlannedPart[];

  constructor(parts: readonly PlannedPart[], log: (line: string) => void, nowMs: () => number) {
    this.#waiting = parts;
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** Milliseconds that the parts not yet begun will take. */
  get waitingMs(): number {
    return expectedDurationMs(this.#waiting, this.#durations);
  }

  /** Progress of the next part, which is no longer waiting. */
  begin(planned: PlannedPart): Progress {
    this.#waiting = this.#waiting.filter((other) => other !== planned);
    const { part, systems, isQuick } = planned;
    const size = { ...part, isQuick };
    const steps = stepsOf(part, systems);
    let done = 0;
    let beganMs = 0;
    return {
      start: () => this.#log(`${part.name}: ${steps.length} processes, one after the other`),
      begin: () => void (beganMs = this.#nowMs()),
      end: (step, values) => {
        this.#durations.add(inPart(step, part), size, this.#nowMs() - beganMs);
        done += 1;
        const leftMs = steps.slice(done).reduce((sum, left) => sum + this.#durations.of(left, size), this.waitingMs);
        const rest = leftMs === 0 ? "" : `; about ${formatDuration(leftMs)} left`;
        this.#log(`  ${done}/${steps.length} ${step.system} run ${step.run}: ${shownValues(values)}${rest}`);
      },
    };
  }
}

function inPart(step: Step, { question }: ReadyPart): PartStep {
  return { ...step, question: question.name };
}

/** The first few: some processes give twenty figures. */
function shownValues(values: readonly ShownValue[]): string {
  const shown = values.slice(0, 3).map(({ name, value, unit }) => `${name} ${formatValue(value)} ${unit}`);
  return [...shown, ...(values.length > 3 ? [`and ${values.length - 3} more`] : [])].join(", ");
}
