import { type Question, type ResultLine, WrongResultError } from "../question.js";
import { type Parameters, type Row, rowOf } from "../row.js";
import { formatSize } from "../size.js";
import { planSteps, selectCases, type Step } from "./plan.js";
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
  const { question, systems, size, runs, isQuick, launch, progress, machine, commit } = options;
  const measurements = selectCases(question, options.cases);
  const params = question.settings({ size, isQuick });
  const steps = planSteps(measurements, systems, runs);
  const results = new Results();
  progress.start(steps.length);
  for (const step of steps) {
    progress.begin(step);
    const lines = await launch(question.name, step, params);
    if (!lines.some(({ checked }) => typeof checked === "number" && checked > 0)) {
      throw new WrongResultError(`${step.measurement.name} on ${step.system} did not check its results`);
    }
    const values = step.measurement.figures.map((figure) => ({ figure, value: figure.valueOf(lines) }));
    for (const { figure, value } of values) results.add(figure.name, step.system, value, buildIn(lines));
    progress.end(step, values.map(({ figure, value }) => ({ name: figure.name, value, unit: figure.unit })));
  }
  return measurements
    .flatMap(({ figures }) => figures)
    .flatMap(({ name, unit }) =>
      systems.map((system) =>
        rowOf({
          question: question.name,
          case: name,
          system,
          unit,
          size: formatSize(size, question.size.kind),
          params,
          machine,
          commit,
          ...results.of(name, system),
        }),
      ),
    );
}

/** Values of all runs by case and system. */
class Results {
  readonly #values = new Map<string, { readonly values: number[]; readonly build: string }>();

  add(figure: string, system: string, value: number, build: string): void {
    const key = `${figure} ${system}`;
    const found = this.#values.get(key);
    if (found === undefined) this.#values.set(key, { values: [value], build });
    else found.values.push(value);
  }

  of(figure: string, system: string): { readonly values: readonly number[]; readonly build: string } {
    return this.#values.get(`${figure} ${system}`) ?? { values: [], build: "" };
  }
}

function buildIn(lines: readonly ResultLine[]): string {
  const build = lines.find((line) => "build" in line)?.["build"];
  if (typeof build !== "string" || build === "") throw new Error("a measuring process did not name its build");
  return build;
}
