import { Command, InvalidArgumentError } from "commander";
import type { Question } from "./question.js";
import { parseSize } from "./size.js";

/** What the command line asks for. */
export type Request = { readonly kind: "list" } | MeasureRequest;

export interface MeasureRequest {
  readonly kind: "measure";
  readonly question: Question;
  readonly systems: readonly string[];
  readonly size: number;
  readonly runs: number;
  readonly isQuick: boolean;
  readonly cases?: readonly string[];
  readonly json?: string;
  readonly html?: string;
}

/** A call that makes no sense; its message says what would. Exit code 2. */
export class WrongCallError extends Error {
  override readonly name = "WrongCallError";
}

interface Options {
  readonly system?: string[];
  readonly case?: string[];
  readonly size?: string;
  readonly runs?: number;
  readonly quick?: boolean;
  readonly json?: string;
  readonly html?: string;
}

/** Parses the words after `npm run bench --`. Throws WrongCallError, or CommanderError for an unknown option and for --help. */
export function parseCommandLine(args: readonly string[], questions: readonly Question[]): Request {
  const command = new Command("bench")
    .description("Measures Tidemark beside other systems. `list` names the questions it answers.")
    .argument("[question]", "what to measure, or list")
    .option("--system <names>", "only these systems, separated by commas", names)
    .option("--case <names>", "only these cases, separated by commas", names)
    .option("--size <size>", "size of the state, such as 1GiB or 500k")
    .option("--runs <count>", "processes for each figure (default: 3, with --quick 1)", runCount)
    .option("--quick", "tiny sizes: checks results, its times mean nothing")
    .option("--json <file>", "write the rows to a file")
    .option("--html <file>", "write a page with a table and a picture to a file")
    .exitOverride()
    .allowExcessArguments(false)
    .parse([...args], { from: "user" });
  const [name] = command.args;
  const known = questions.map((question) => question.name).join(", ");
  if (name === undefined) throw new WrongCallError(`Name a question: ${known}. For more about them: npm run bench -- list`);
  if (name === "list") return { kind: "list" };
  const question = questions.find((candidate) => candidate.name === name);
  if (question === undefined) throw new WrongCallError(`There is no question "${name}"; there are ${known}`);
  return measureRequest(question, command.opts<Options>());
}

function measureRequest(question: Question, options: Options): MeasureRequest {
  const systems = options.system ?? question.standardSystems;
  const unknown = systems.find((system) => !question.systems.includes(system));
  if (unknown !== undefined) {
    throw new WrongCallError(`${question.name} does not know a system "${unknown}"; it knows ${question.systems.join(", ")}`);
  }
  const isQuick = options.quick ?? false;
  if (options.case !== undefined) requireAnswer(question, options.case, systems);
  return {
    kind: "measure",
    question,
    systems: question.systems.filter((system) => systems.includes(system)),
    size: sizeOf(question, options.size, isQuick),
    runs: options.runs ?? (isQuick ? 1 : 3),
    isQuick,
    ...(options.case === undefined ? {} : { cases: knownCases(question, options.case) }),
    ...(options.json === undefined ? {} : { json: options.json }),
    ...(options.html === undefined ? {} : { html: options.html }),
  };
}

function sizeOf(question: Question, text: string | undefined, isQuick: boolean): number {
  if (text === undefined) return isQuick ? question.size.quick : question.size.standard;
  try {
    return parseSize(text, question.size.kind);
  } catch (error) {
    throw new WrongCallError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function knownCases(question: Question, cases: readonly string[]): readonly string[] {
  const early = cases.find((name) => question.notYet !== undefined && Object.hasOwn(question.notYet, name));
  if (early !== undefined) throw new WrongCallError(`${question.name} cannot measure ${early} yet: ${question.notYet?.[early]}`);
  const known = question.measurements.flatMap(({ figures }) => figures.map(({ name }) => name));
  const unknown = cases.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new WrongCallError(`${question.name} has no case "${unknown}"; it has ${known.join(", ")}`);
  return cases;
}

/** Refuses cases that none of the systems can be asked about. */
function requireAnswer(question: Question, cases: readonly string[], systems: readonly string[]): void {
  const asked = question.measurements.filter(({ figures }) => figures.some(({ name }) => cases.includes(name)));
  const canAnswer = asked.flatMap((measurement) => measurement.systems ?? question.systems);
  if (asked.length === 0 || systems.some((system) => canAnswer.includes(system))) return;
  const known = [...new Set(canAnswer)].join(", ");
  throw new WrongCallError(`${question.name} cannot ask ${systems.join(", ")} about ${cases.join(", ")}; it can ask ${known}`);
}

export function names(text: string): string[] {
  const list = text.split(",").map((name) => name.trim());
  if (list.includes("")) throw new InvalidArgumentError("It must be names separated by commas.");
  return list;
}

export function runCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/u.test(text) && count >= 1 && count <= 1_000) return count;
  throw new InvalidArgumentError("It must be a whole number from 1 to 1000.");
}
