import { type Figure, type Measurement, type Question, type ResultLine, WrongResultError } from "../question.js";
import { type Parameters, type Row, rowOf } from "../row.js";
import { formatSize } from "../size.js";
import { planSteps, selectCases, type Step, systemsOf } from "./plan.js";
import type { Progress } from "./progress.js";

/** Starts a process that measures and gives the lines it printed. Throws WrongResultError, or an Error with what it said. */
export type Launch = (question: string, step: Step, settings: Parameters) => Promise<readonly ResultLine[]>;

export interface RunOptions {
  readonly question: Question;
  readonly systems: readonly string[];
  readonly size: number;
  readonly runs: number;
  readonly isQuick: boolean;
  /** Only these cases; all of them without. */
  readonly cases?: readonly string[];
  readonly launch: Launch;
  readonly progress: Progress;
  readonly machine: string;
  readonly commit: string;
}

/** Runs a question and gives its rows, one for each (case, system). Throws at the first wrong result: then there are no figures. */
export async function runQuestion(options: RunOptions): Promise<Row[]> {
  const { question, systems, runs, launch, progress } = options;
  const measurements = selectCases(question, options.cases);
  const steps = planSteps(measurements, systems, runs);
  if (steps.length === 0) throw new RangeError(`none of ${systems.join(", ")} can be asked about these cases of ${question.name}`);
  const results = new Results();
  progress.start(steps.length);
  for (const step of steps) {
    progress.begin(step);
    const lines = await launch(question.name, step, parametersOf(options, step.measurement));
    if (!lines.some(({ checked }) => typeof checked === "number" && checked > 0)) {
      throw new WrongResultError(`${step.measurement.name} on ${step.system} did not check its results`);
    }
    results.add(step, lines);
    progress.end(step, step.measurement.figures.map((figure) => ({ name: figure.name, value: figure.valueOf(lines), unit: figure.unit })));
  }
  return measurements.flatMap((measurement) =>
    measurement.figures.flatMap((figure) =>
      systemsOf(measurement, systems).map((system) => row(options, measurement, figure, system, results.of(measurement, system))),
    ),
  );
}

/** The settings of one measurement. */
function parametersOf({ question, size, isQuick }: RunOptions, measurement: Measurement): Parameters {
  return { ...question.settings({ size, isQuick }), ...measurement.settings?.({ size, isQuick }) };
}

function row(options: RunOptions, measurement: Measurement, figure: Figure, system: string, runs: readonly (readonly ResultLine[])[]): Row {
  const { question, size, machine, commit } = options;
  return rowOf({
    question: question.name,
    case: figure.name,
    system,
    unit: figure.unit,
    size: formatSize(size, question.size.kind),
    params: parametersOf(options, measurement),
    machine,
    commit,
    build: buildIn(runs[0] ?? []),
    values: runs.map((lines) => figure.valueOf(lines)),
    ...(figure.pooled === undefined ? {} : { pooled: figure.pooled(runs) }),
  });
}

/** What every process printed, by measurement and system. */
class Results {
  readonly #runs = new Map<string, (readonly ResultLine[])[]>();

  /** Throws when the process did not name its build. */
  add({ measurement, system }: Step, lines: readonly ResultLine[]): void {
    buildIn(lines);
    const key = `${measurement.name} ${system}`;
    const found = this.#runs.get(key);
    if (found === undefined) this.#runs.set(key, [lines]);
    else found.push(lines);
  }

  of(measurement: Measurement, system: string): readonly (readonly ResultLine[])[] {
    return this.#runs.get(`${measurement.name} ${system}`) ?? [];
  }
}

function buildIn(lines: readonly ResultLine[]): string {
  const build = lines.find((line) => "build" in line)?.["build"];
  if (typeof build !== "string" || build === "") throw new Error("a measuring process did not name its build");
  return build;
}
