import { isRate } from "../output/comparison.js";
import { formatValue } from "../output/format.js";
import type { Question } from "../question.js";
import type { Row } from "../row.js";
import { casesOf } from "../runner/plan.js";
import { geometricMean } from "../statistics.js";
import type { FigureName, Figures, Pair } from "./figures.js";
import type { Against, Goal } from "./goals.js";

/** What became of a goal. */
export interface GoalStatus {
  readonly goal: Goal;
  readonly status: "met" | "not met" | "reported" | "not measured" | "not yet";
  /** The figure that the goal is about: a ratio, a difference or the value itself. */
  readonly figure?: number;
  /** That figure as text, or why there is none. */
  readonly shown: string;
  /** Rows that it was made of. */
  readonly rows: readonly Row[];
}

/** Compares what was measured with what is asked for. */
export function statusOf(goal: Goal, figures: Figures, questions: readonly Question[]): GoalStatus {
  const question = questions.find(({ name }) => name === goal.question);
  const reason = question?.notYet?.[goal.case];
  if (reason !== undefined) return { goal, status: "not yet", shown: reason, rows: [] };
  if (question === undefined) return missing(goal, "no question prints it yet");
  if (goal.over !== undefined) return statusOverCases(goal, question, figures);
  if (!casesOf(question).includes(goal.case)) return missing(goal, "no case prints it yet");
  return goal.against === undefined ? statusOfValue(goal, figures) : statusOfPair(goal, goal.against, figures);
}

/** What is asked for, as text: "at least 1.5x". */
export function askedFor({ comparison, value, against, orAtMost }: Goal): string {
  if (comparison === "reported" || value === undefined) return "reported";
  const unit = against === undefined || against.by === "more" ? "" : "x";
  return `${comparison} ${formatValue(value)}${unit}${orAtMost === undefined ? "" : `, or ${formatValue(orAtMost)} by itself`}`;
}

/** The figure of two rows that `against` asks for; undefined where a quotient has no meaning. */
export function compared({ row, other }: Pair, by: Against["by"]): number | undefined {
  if (by === "more") return row.value - other.value;
  const [top, bottom] = by === "times as much" || isRate(row.unit) ? [row, other] : [other, row];
  return bottom.value > 0 ? top.value / bottom.value : undefined;
}

function statusOfValue(goal: Goal, figures: Figures): GoalStatus {
  const row = figures.find(goal);
  if (row === undefined) return missing(goal, "");
  return judged(goal, row.value, `${formatValue(row.value)} ${row.unit}`, [row]);
}

function statusOfPair(goal: Goal, against: Against, figures: Figures): GoalStatus {
  const pairs = namesAgainst(goal, against).flatMap((name) => figures.pair(goal, name) ?? []);
  const found = pairs.flatMap((pair) => {
    const figure = compared(pair, against.by);
    return figure === undefined ? [] : [{ pair, figure }];
  });
  // Beside several systems the one counts that ours is the least better than.
  const [hardest] = found.sort((left, right) => left.figure - right.figure);
  if (hardest === undefined) return missing(goal, figures.find(goal) === undefined ? "" : "what it is compared with is missing");
  const { pair, figure } = hardest;
  const shown = against.by === "more" ? `${formatValue(figure)} ${pair.row.unit} more` : `${formatValue(figure)}x`;
  return judged(goal, figure, shown, [pair.row, pair.other]);
}

/** All cases must be there, of one commit on one machine: a mean over some of them is another figure. */
function statusOverCases(goal: Goal, question: Question, figures: Figures): GoalStatus {
  const { against, over } = goal;
  if (against === undefined) throw new RangeError(`a goal over all cases needs something to compare with: ${goal.text}`);
  const cases = casesOf(question).filter((name) => (goal.case === "" ? !name.includes("-") : name.endsWith(goal.case)));
  if (cases.length === 0) return missing(goal, "no case prints it yet");
  const attempts = figures.places().map((place) =>
    cases.flatMap((name) => {
      const pair = place.pair({ ...goal, case: name }, { ...goal, ...named(against), case: name });
      const ratio = pair && compared(pair, against.by);
      return pair === undefined || ratio === undefined || ratio <= 0 ? [] : [{ pair, ratio, name }];
    }),
  );
  const complete = attempts.find((attempt) => attempt.length === cases.length);
  if (complete === undefined) {
    const [some = []] = attempts.filter((attempt) => attempt.length > 0);
    return missing(goal, some.length === 0 ? "" : `only ${some.length} of ${cases.length} operations were measured`);
  }
  const rows = complete.flatMap(({ pair }) => [pair.row, pair.other]);
  if (over === "geometric mean") {
    const mean = geometricMean(complete.map(({ ratio }) => ratio));
    return judged(goal, mean, `${formatValue(mean)}x`, rows);
  }
  const worst = complete.reduce((left, right) => (right.ratio < left.ratio ? right : left));
  return judged(goal, worst.ratio, `${formatValue(worst.ratio)}x (${worst.name})`, [worst.pair.row, worst.pair.other]);
}

function judged(goal: Goal, figure: number, shown: string, rows: readonly Row[]): GoalStatus {
  const own = rows[0]?.value ?? Infinity;
  const isMet = holds(goal, figure) || (goal.orAtMost !== undefined && own <= goal.orAtMost);
  const status = goal.comparison === "reported" ? "reported" : isMet ? "met" : "not met";
  return { goal, status, figure, shown, rows };
}

function holds({ comparison, value = 0 }: Goal, figure: number): boolean {
  if (comparison === "at least") return figure >= value;
  return comparison === "at most" ? figure <= value : figure < value;
}

function missing(goal: Goal, reason: string): GoalStatus {
  return { goal, status: "not measured", shown: reason, rows: [] };
}

/** The figures that a goal is compared with. */
function namesAgainst(goal: Goal, against: Against): FigureName[] {
  const base = { ...goal, ...named(against) };
  return (against.bestOf ?? [base.system]).map((system) => ({ ...base, system }));
}

/** Only what it names. */
function named({ question, case: name, system, size }: Against): Partial<FigureName> {
  return {
    ...(question === undefined ? {} : { question }),
    ...(name === undefined ? {} : { case: name }),
    ...(system === undefined ? {} : { system }),
    ...(size === undefined ? {} : { size }),
  };
}
