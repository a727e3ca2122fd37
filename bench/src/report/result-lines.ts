import { peersOf } from "../output/comparison.js";
import { formatValue } from "../output/format.js";
import type { Question } from "../question.js";
import type { Row } from "../row.js";
import { casesOf } from "../runner/plan.js";
import type { Figures } from "./figures.js";
import { compared, type GoalStatus } from "./goal-status.js";

/** One line of the table of ratios: a figure of ours beside that of a peer, measured in one go; or a figure without any. */
export interface FigureLine {
  readonly question: string;
  readonly case: string;
  readonly size: string;
  readonly system: string;
  readonly value: string;
  readonly peer: string;
  readonly peerValue: string;
  readonly timesBetter: string;
  /** Rows that it was made of. */
  readonly rows: readonly Row[];
  /** What prints it. */
  readonly commands: readonly string[];
}

export const figureHeads = ["question", "case", "size", "system", "value", "peer", "its value", "times better"] as const;

/** The cells of a line below `figureHeads`: README quotes these. */
export function figureCells(line: FigureLine): string[] {
  return [line.question, line.case, line.size, line.system, line.value, line.peer, line.peerValue, line.timesBetter];
}

/** All lines in the order of the questions, and of their cases: first what all operations come to, then each. */
export function figureLines(figures: Figures, goals: readonly GoalStatus[], questions: readonly Question[]): FigureLine[] {
  const rows = figures.all();
  const rankOf = casesInOrder(questions);
  const sorted = rows.sort((left, right) => rankOf(left) - rankOf(right) || left.size.localeCompare(right.size, "en", { numeric: true }));
  const quoted = new Set<Row>();
  const paired = sorted.flatMap((row): FigureLine[] => {
    const systems = rows.filter((other) => other.question === row.question && other.case === row.case).map(({ system }) => system);
    const pairs = peersOf(row.system, [...new Set(systems)]).flatMap((peer) => figures.pair(row, { ...row, system: peer }) ?? []);
    for (const { other } of pairs) quoted.add(other);
    if (pairs.length === 0) return [lineOf(row)];
    return pairs.map((pair) => lineOf(pair.row, pair.other));
  });
  const single = paired.filter(({ rows: [row, other] }) => other !== undefined || row === undefined || !quoted.has(row));
  return [...means(goals), ...single].sort((left, right) => questionRank(questions, left) - questionRank(questions, right));
}

function lineOf(row: Row, other?: Row): FigureLine {
  const ratio = other === undefined ? undefined : compared({ row, other }, "times better");
  const rows = other === undefined ? [row] : [row, other];
  return {
    question: row.question, case: row.case, size: row.size, system: row.system,
    value: `${formatValue(row.value)} ${row.unit}`,
    peer: other?.system ?? "-",
    peerValue: other === undefined ? "-" : `${formatValue(other.value)} ${other.unit}`,
    timesBetter: ratio === undefined ? "-" : `${formatValue(ratio)}x`,
    rows,
    commands: commandsOf(rows),
  };
}

/** A geometric mean over all operations is a line too. */
function means(goals: readonly GoalStatus[]): FigureLine[] {
  return goals.flatMap(({ goal, shown, rows, figure }) => {
    if (goal.over !== "geometric mean" || figure === undefined) return [];
    const cases = new Set(rows.map((row) => row.case)).size;
    return [{
      question: goal.question, size: goal.size, system: goal.system, value: "-", peerValue: "-", timesBetter: shown, rows,
      case: `geometric mean of ${cases} operations${goal.case === "" ? "" : ` (${goal.case})`}`,
      peer: goal.against?.system ?? "-",
      commands: commandsOf(rows, { isEveryCase: true }),
    }];
  });
}

/** Where a row's case stands among all cases of all questions; unknown ones at the end. */
function casesInOrder(questions: readonly Question[]): (row: Row) => number {
  const keys = questions.flatMap((question) => casesOf(question).map((name) => `${question.name} ${name}`));
  const ranks = new Map(keys.map((key, index) => [key, index]));
  return ({ question, case: name }) => ranks.get(`${question} ${name}`) ?? keys.length;
}

function questionRank(questions: readonly Question[], { question }: FigureLine): number {
  const rank = questions.findIndex(({ name }) => name === question);
  return rank === -1 ? questions.length : rank;
}

/** The commands that print rows again, one for each question and size. With `isEveryCase` the rows are of all cases of their question. */
export function commandsOf(rows: readonly Row[], { isEveryCase = false } = {}): string[] {
  const firsts = rows.filter((row, index) => rows.findIndex((other) => isOneCommand(row, other)) === index);
  return firsts.map((row) => {
    const group = rows.filter((other) => isOneCommand(row, other));
    const each = (of: (row: Row) => string): string => [...new Set(group.map(of))].join(",");
    const cases = isEveryCase ? "" : ` --case ${each((one) => one.case)}`;
    const runs = Math.max(...group.map(({ spread }) => spread.runs));
    const size = row.size.replace(/ keys$/u, "");
    return `npm run bench -- ${row.question}${cases} --system ${each(({ system }) => system)} --size ${size} --runs ${runs}`;
  });
}

function isOneCommand(left: Row, right: Row): boolean {
  return left.question === right.question && left.size === right.size;
}

/** The lowest and the highest run of the first row. */
export function spreadOf({ rows: [row] }: FigureLine): string {
  return row === undefined ? "-" : `${formatValue(row.spread.min)} - ${formatValue(row.spread.max)}`;
}

/** Of all rows, which are mostly the same: their runs, commits, or names of builds. */
export function distinct(rows: readonly Row[], of: (row: Row) => string | number): string {
  return [...new Set(rows.map(of))].join(", ") || "-";
}
