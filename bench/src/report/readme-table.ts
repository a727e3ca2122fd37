import { table } from "./results-text.js";
import { figureCells, figureHeads, type FigureLine } from "./result-lines.js";

const begin = "<!-- bench:begin -->";
const end = "<!-- bench:end -->";
const resultsFile = "bench/RESULTS.md";

/** "5x" and rates: what a figure of a benchmark looks like. */
const figurePattern = /\b\d[\d,.]*(?:x\b| ?(?:ops|records|words|operations)\/m?s\b)/gu;

/** What README.md quotes, of the lines that there are: system by case. */
const quoted: readonly (readonly [question: string, name: RegExp, system: string])[] = [
  ["state-ops", /^geometric mean of \d+ operations$/u, "memory"],
  ["state-ops", /^geometric mean of \d+ operations$/u, "rocksdb"],
  ["checkpoint", /^(pause-p99|duration-p50|gap-max|uploaded-over-changed)$/u, "rocksdb"],
  ["restore", /^first-record$/u, "rocksdb"],
  ["rescale", /^first-record-1to2$/u, "rocksdb"],
  ["memory", /^resident-over-budget$/u, "rocksdb"],
  ["job", /^(sum|words)-p1$/u, "memory"],
  ["job", /^(sum|words)-p1$/u, "rocksdb"],
  ["node-peers", /^(read-modify-write|get)$/u, "rocksdb"],
];

/** Replaces what is between the markers of README.md by the figures measured. Throws an Error when the markers are not there once each. */
export function withFigures(readme: string, lines: readonly FigureLine[]): string {
  const { before, after } = aroundFigures(readme);
  const chosen = lines.filter((line) =>
    quoted.some(([question, name, system]) => line.question === question && name.test(line.case) && line.system === system),
  );
  return `${before}${begin}\n${figuresText(chosen)}\n${end}${after}`;
}

/**
 * Figures that README.md names and bench/RESULTS.md does not have, as sentences. `results` is undefined while there is no such file.
 * Figures that stand outside of the markers are found too: there nobody would renew them.
 */
export function quotationProblems(readme: string, results: string | undefined): string[] {
  const { before, inside, after } = aroundFigures(readme);
  const rows = inside.split("\n").filter((line) => line.startsWith("|")).slice(2);
  const known = (results ?? "").split("\n");
  const strange = rows.filter((row) => {
    const isWhole = row.split("|").length === figureHeads.length + 2;
    return !isWhole || !known.some((line) => line.startsWith(`${row.trimEnd()} `));
  });
  const loose = [...`${before}${after}`.matchAll(figurePattern)].map(([found]) => found);
  return [
    ...strange.map((row) => `README.md quotes what ${resultsFile} does not have; run: npm run bench:report -- --write-only\n${row}`),
    ...loose.map((figure) => `README.md has the figure "${figure}" outside of ${begin} ... ${end}`),
  ];
}

function figuresText(lines: readonly FigureLine[]): string {
  if (lines.length === 0) return "No figures yet: `npm run bench:report` measures them and writes this table.";
  const commits = [...new Set(lines.flatMap(({ rows }) => rows.map(({ commit }) => commit)))].join(", ");
  return [
    table(figureHeads, lines.map(figureCells)),
    "",
    `Measured at ${commits}. All figures, and the command for each: [${resultsFile}](${resultsFile}).`,
  ].join("\n");
}

function aroundFigures(readme: string): { before: string; inside: string; after: string } {
  const parts = readme.split(begin);
  const [before = "", rest = ""] = parts;
  const [inside = "", after = "", ...more] = rest.split(end);
  if (parts.length !== 2 || !rest.includes(end) || more.length > 0) {
    throw new Error(`README.md must have ${begin} and then ${end}, once each: the figures go between them`);
  }
  return { before, inside, after };
}
