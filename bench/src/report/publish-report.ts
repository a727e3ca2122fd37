import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../output/replace-file.js";
import type { Question } from "../question.js";
import { Figures } from "./figures.js";
import { statusOf } from "./goal-status.js";
import { goals } from "./goals.js";
import { withFigures } from "./readme-table.js";
import { figureLines } from "./result-lines.js";
import { resultsText } from "./results-text.js";
import type { Measured } from "./results.js";

/** Writes RESULTS.md and RESULTS.html into a folder, and the figures that a README.md quotes into it. */
export async function publishReport(
  results: readonly Measured[],
  questions: readonly Question[],
  to: { readonly directory: string; readonly readme?: string },
): Promise<void> {
  const figures = new Figures(results);
  const statuses = goals.map((goal) => statusOf(goal, figures, questions));
  const lines = figureLines(figures, statuses, questions);
  const isQuick = results.some((measured) => measured.isQuick);
  await replaceFile(join(to.directory, "RESULTS.md"), resultsText(statuses, lines, isQuick));
  // Drawing takes longer to load than all the rest.
  const { resultsPage } = await import("./results-page.js");
  await replaceFile(join(to.directory, "RESULTS.html"), await resultsPage(figures, statuses, isQuick));
  if (to.readme === undefined) return;
  const readme = await readFile(to.readme, "utf8");
  const renewed = withFigures(readme, lines);
  if (renewed !== readme) await replaceFile(to.readme, renewed);
}

/** Throws an Error that says what to do when figures could not be put into a README.md: better before hours of measuring than after. */
export async function requireMarkers(readme: string): Promise<void> {
  withFigures(await readFile(readme, "utf8"), []);
}
