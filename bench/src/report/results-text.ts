import { formatValue } from "../output/format.js";
import type { Row } from "../row.js";
import { askedFor, type GoalStatus } from "./goal-status.js";
import { commandsOf, distinct, figureCells, figureHeads, type FigureLine, spreadOf } from "./result-lines.js";

/** Short names for the long descriptions of builds. */
export class BuildNames {
  readonly #names = new Map<string, string>();

  constructor(rows: readonly Row[]) {
    for (const { build } of rows) if (!this.#names.has(build)) this.#names.set(build, `b${this.#names.size + 1}`);
  }

  of(rows: readonly Row[]): string {
    return distinct(rows, ({ build }) => this.#names.get(build) ?? build);
  }

  entries(): [name: string, build: string][] {
    return [...this.#names].map(([build, name]) => [name, build]);
  }
}

/** How many goals stand where: "3 met, 1 not met, 40 not measured". */
export function countGoals(goals: readonly GoalStatus[]): string {
  const statuses = ["met", "not met", "reported", "not measured", "not yet"] as const;
  return statuses
    .map((status) => [goals.filter((goal) => goal.status === status).length, status] as const)
    .filter(([count]) => count > 0)
    .map(([count, status]) => `${count} ${status}`)
    .join(", ");
}

/** RESULTS.md: every goal, and every figure with what it was measured on. */
export function resultsText(goals: readonly GoalStatus[], lines: readonly FigureLine[], isQuick: boolean): string {
  const rows = lines.flatMap((line) => line.rows);
  const builds = new BuildNames(rows);
  const machines = [...new Set(rows.map(({ machine }) => machine))].join("; ");
  const questions = [...new Set(lines.map(({ question }) => question))];
  const sections = [
    "# Results",
    "Written by `npm run bench:report`; [RESULTS.html](RESULTS.html) has the same with charts. Each figure is the median of its runs. A " +
      "ratio is of two systems that were measured in turns in one go: more of a rate, less of anything else is better. What the " +
      "names mean: [README.md](README.md). The last column is the command that prints the figure again.",
    ...(isQuick ? ["**Written with --quick: the sizes are tiny, and the times mean nothing.**"] : []),
    `Machine: ${machines}`,
    `## Goals\n\nWhat the project asks of itself: ${countGoals(goals)}.`,
    table(
      ["question", "goal", "case", "size", "system", "beside", "asked for", "figure", "status", "runs", "commit", "build", "command"],
      goals.map((goal) => goalCells(goal, builds)),
    ),
    ...questions.map((question) =>
      [
        `## ${question}\n`,
        table(
          [...figureHeads, "lowest - highest", "runs", "commit", "build", "command"],
          lines.filter((line) => line.question === question).map((line) => [...figureCells(line), spreadOf(line), ...origin(line, builds)]),
        ),
      ].join("\n"),
    ),
    ...(rows.length === 0 ? [] : [`## Builds\n\n${table(["name", "build"], builds.entries())}`]),
  ];
  return `${sections.join("\n\n")}\n`;
}

/** A table in Markdown. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return [heads, heads.map(() => "---"), ...rows].map(tableLine).join("\n");
}

/** A line of a table in Markdown. */
export function tableLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
}

function goalCells({ goal, status, shown, rows }: GoalStatus, builds: BuildNames): string[] {
  const { question, text, case: name, size, system, over } = goal;
  const own = over === undefined ? name : `all${name} (${over})`;
  const asked = askedFor(goal);
  const command = code(commandsOf(rows, { isEveryCase: over === "geometric mean" }));
  const runs = distinct(rows, ({ spread }) => formatValue(spread.runs));
  const commit = distinct(rows, (row) => row.commit);
  return [question, text, own, size, system, besideOf(goal), asked, shown || "-", status, runs, commit, builds.of(rows), command];
}

/** What a goal's figure is compared with, as short as it can be said. */
export function besideOf({ against }: GoalStatus["goal"]): string {
  if (against === undefined) return "-";
  const { question, case: name, system, bestOf, size } = against;
  return [question, name, system, bestOf === undefined ? undefined : `best of ${bestOf.join(", ")}`, size].filter(Boolean).join(" ");
}

function origin({ rows, commands }: FigureLine, builds: BuildNames): string[] {
  const runs = distinct(rows, ({ spread }) => spread.runs);
  return [runs, distinct(rows, ({ commit }) => commit), builds.of(rows), code(commands)];
}

function code(commands: readonly string[]): string {
  return commands.map((command) => `\`${command}\``).join("; ") || "-";
}
