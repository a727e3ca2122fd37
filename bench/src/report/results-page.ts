import { barChart, type ChartValue, sizeChart } from "../output/charts.js";
import { comparisonSection } from "../output/html-page.js";
import { escapeText, figure, page } from "../output/page.js";
import { peersOf } from "../output/comparison.js";
import type { Row } from "../row.js";
import { parseSize } from "../size.js";
import type { Figures } from "./figures.js";
import { compared, askedFor, type GoalStatus } from "./goal-status.js";
import { besideOf, countGoals } from "./results-text.js";

/** RESULTS.html: goals, charts of what matters most, then all figures of each question and size. */
export async function resultsPage(figures: Figures, goals: readonly GoalStatus[], isQuick: boolean): Promise<string> {
  const rows = figures.all();
  const questions = [...new Set(rows.map(({ question }) => question))];
  const rowsOf = (question: string): Row[] => rows.filter((row) => row.question === question);
  const sections = await Promise.all(questions.map((question) => questionSection(question, rowsOf(question))));
  const body = [
    isQuick ? "<p><strong>Written with --quick: the sizes are tiny, and the times mean nothing.</strong></p>" : "",
    "<p>Each figure is the median of its runs. Ratios are of two systems that were measured in turns in one go.</p>",
    `<h2>Goals</h2><p>What the project asks of itself: ${countGoals(goals)}.</p>`,
    goalTable(goals),
    await ratioChart(rows, figures),
    await bytesChart(rows),
    await uploadChart(rows),
    ...(await flatnessCharts(rows)),
    ...sections,
  ];
  return page("Tidemark: results", body.filter((part) => part !== "").join("\n"));
}

async function questionSection(question: string, rows: readonly Row[]): Promise<string> {
  const sizes = [...new Set(rows.map(({ size }) => size))].sort((left, right) => left.localeCompare(right, "en", { numeric: true }));
  const parts = await Promise.all(
    sizes.map(async (size) => `<h3>${escapeText(size)}</h3>\n${await comparisonSection(rows.filter((row) => row.size === size))}`),
  );
  return `<h2>${escapeText(question)}</h2>\n${parts.join("\n")}`;
}

function goalTable(goals: readonly GoalStatus[]): string {
  const heads = ["question", "goal", "case", "size", "system", "beside", "asked for", "figure", "status"];
  const lines = goals.map(({ goal, status, shown }) => {
    const { question, text, case: name, size, system, over } = goal;
    const own = over === undefined ? name : `all${name} (${over})`;
    const texts = [question, text, own, size, system, besideOf(goal), askedFor(goal), shown || "-"];
    const tone = status === "met" ? "good" : status === "not met" ? "bad" : "quiet";
    return `<tr>${texts.map((cell) => `<td class="text">${escapeText(cell)}</td>`).join("")}<td class="text ${tone}">${status}</td></tr>`;
  });
  const head = heads.map((name) => `<th class="text">${name}</th>`).join("");
  return `<div class="scroll"><table><tr>${head}</tr>${lines.join("\n")}</table></div>`;
}

/** Operations on state: how many times better than Flink. */
async function ratioChart(rows: readonly Row[], figures: Figures): Promise<string> {
  const values = rows
    .filter(({ question, case: name }) => question === "state-ops" && !name.includes("-"))
    .flatMap((row): ChartValue[] => {
      const [peer] = peersOf(row.system, rows.map(({ system }) => system));
      const pair = peer === undefined ? undefined : figures.pair(row, { ...row, system: peer });
      const value = pair && compared(pair, "times better");
      return value === undefined ? [] : [{ at: row.case, series: row.system, value }];
    });
  const svg = await barChart(values, { title: "times the operations per second of Flink's counterpart", scale: "log", rule: 1 });
  return figure(svg, "Operations on state: memory beside Flink's HashMap, rocksdb beside its RocksDB. Right of the line is better.");
}

/** What checkpoints write, in every mode there is. */
async function bytesChart(rows: readonly Row[]): Promise<string> {
  const prefix = "uploaded-over-changed";
  const values = rows
    .filter(({ question, case: name }) => question === "checkpoint" && name.startsWith(prefix))
    .map((row) => ({ at: `${row.case.slice(prefix.length + 1) || "standard"}, ${row.size}`, series: row.system, value: row.value }));
  const svg = await barChart(values, { title: "new bytes over changed bytes", scale: "log", rule: 1 });
  return figure(svg, "New bytes of a checkpoint over the bytes that changed since the one before, by variant and size. Less is better.");
}

/** What a checkpoint uploads: only what changed, all table files, those that are new, and Flink. */
async function uploadChart(rows: readonly Row[]): Promise<string> {
  const modes: Readonly<Record<string, string>> = {
    "uploaded-mean": "changes", "uploaded-mean-full": "all table files", "uploaded-mean-live-files": "new table files",
  };
  const values = rows
    .filter(({ question, case: name }) => question === "checkpoint" && name in modes)
    .map((row) => ({ at: `${row.system}: ${modes[row.case]}, ${row.size}`, series: row.system, value: row.value / 2 ** 20 }));
  const svg = await barChart(values, { title: "MiB uploaded by a checkpoint, mean", scale: "log" });
  return figure(svg, "What a checkpoint uploads when 1 % of the keys changed, by what of the state it takes. Less is better.");
}

/** The same changes on states of every size: nothing should grow. */
async function flatnessCharts(rows: readonly Row[]): Promise<string[]> {
  const chart = async (name: string, title: string, caption: string): Promise<string> => {
    const values = rows
      .filter((row) => row.question === "checkpoint" && row.case === name)
      .map(({ size, system, value }) => ({ at: parseSize(size, "bytes"), series: system, value }))
      .sort((left, right) => left.at - right.at);
    return figure(await sizeChart(values, { title, scale: "linear" }), caption);
  };
  return [
    await chart("duration-p50-10MiB", "duration, ms", "Time of a checkpoint of the same changes (10 MiB) on states of growing size."),
    await chart("uploaded-over-changed-10MiB", "new bytes over changed bytes", "Bytes of the same checkpoints."),
  ];
}
