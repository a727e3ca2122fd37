import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parseCommandLine } from "../command-line.js";
import { questions } from "../questions/index.js";
import { Figures } from "./figures.js";
import { statusOf } from "./goal-status.js";
import { goals } from "./goals.js";
import { publishReport } from "./publish-report.js";
import { quotationProblems, withFigures } from "./readme-table.js";
import { measuredOf, rowOfReport } from "./report.test.support.js";
import { figureLines } from "./result-lines.js";
import type { Measured } from "./results.js";

const checkpoint = { question: "checkpoint", unit: "ratio", size: "1GiB" };
const operations = { question: "state-ops", size: "500000 keys" };
const results: Measured[] = [
  measuredOf("state-ops", [
    rowOfReport({ ...operations, case: "valueGet", value: 5302 }),
    rowOfReport({ ...operations, case: "valueGet", value: 2651, system: "flink-hashmap", build: "Flink <2> & | more" }),
    rowOfReport({ ...operations, case: "mapGet", value: 0.5 }),
  ]),
  measuredOf("checkpoint", [
    rowOfReport({ ...checkpoint, case: "uploaded-over-changed", value: 1.05, system: "rocksdb" }),
    rowOfReport({ ...checkpoint, case: "uploaded-over-changed", value: 12.6, system: "flink-rocksdb" }),
    rowOfReport({ ...checkpoint, case: "pause-p99", value: 0.07, unit: "ms", system: "rocksdb" }),
    rowOfReport({ ...checkpoint, case: "pause-max", value: 0, unit: "ms", system: "flink-changelog" }),
    ...["1GiB", "4GiB", "16GiB"].map((size, index) =>
      rowOfReport({ ...checkpoint, case: "duration-p50-10MiB", unit: "ms", size, value: 100 + index, system: "rocksdb" }),
    ),
  ]),
];
const figures = new Figures(results);
const statuses = goals.map((goal) => statusOf(goal, figures, questions));
const lines = figureLines(figures, statuses, questions);
const readme = "# Title\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nrest\n";

async function published(): Promise<{ text: string; html: string; readme: string; names: string[] }> {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-pages-test-"));
  try {
    await writeFile(join(directory, "README.md"), readme);
    await publishReport(results, questions, { directory, readme: join(directory, "README.md") });
    const read = (name: string): Promise<string> => readFile(join(directory, name), "utf8");
    const names = (await readdir(directory)).sort();
    return { text: await read("RESULTS.md"), html: await read("RESULTS.html"), readme: await read("README.md"), names };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

describe("lines of the results", () => {
  test("ours beside its peer in one line; what has no peer, and a peer alone, by themselves", () => {
    const shown = lines.map((line) => [line.case, line.size, line.system, line.value, line.peer, line.timesBetter]);
    expect(shown).toEqual([
      ["valueGet", "500000 keys", "memory", "5,302 ops/ms", "flink-hashmap", "2x"],
      ["mapGet", "500000 keys", "memory", "0.5 ops/ms", "-", "-"],
      ["pause-p99", "1GiB", "rocksdb", "0.07 ms", "-", "-"],
      ["pause-max", "1GiB", "flink-changelog", "0 ms", "-", "-"],
      ["uploaded-over-changed", "1GiB", "rocksdb", "1.05 ratio", "flink-rocksdb", "12x"],
      ["duration-p50-10MiB", "1GiB", "rocksdb", "100 ms", "-", "-"],
      ["duration-p50-10MiB", "4GiB", "rocksdb", "101 ms", "-", "-"],
      ["duration-p50-10MiB", "16GiB", "rocksdb", "102 ms", "-", "-"],
    ]);
  });
  test("every command is one that the benchmark takes", () => {
    const commands = lines.flatMap((line) => line.commands);
    expect(commands.length).toBeGreaterThan(0);
    for (const command of commands) {
      expect(command).toMatch(/^npm run bench -- /u);
      const request = parseCommandLine(command.split(" ").slice(4), questions);
      expect(request.kind).toBe("measure");
    }
    expect(lines[0]?.commands).toEqual(["npm run bench -- state-ops --case valueGet --system memory,flink-hashmap --size 500000 --runs 3"]);
  });
});

describe("RESULTS.md and RESULTS.html", () => {
  test("are written as a whole, and every goal and row is there", async () => {
    const { text, names } = await published();
    expect(names).toEqual(["README.md", "RESULTS.html", "RESULTS.md"]);
    for (const { text: goal } of goals) expect(text).toContain(`| ${goal} |`);
    expect(text).toMatch(/\| new bytes over changed bytes, 50 rounds \| .* \| 1\.05 ratio \| met \| 3 \| abc \| b1 \| `npm run bench/u);
    expect(text).toContain("only 1 of 20 operations were measured | not measured | - | - | - | - |");
    expect(text).toContain("jobs have no windows yet | not yet |");
    expect(text).toContain("| checkpoint | uploaded-over-changed | 1GiB | rocksdb | 1.05 ratio | flink-rocksdb | 12.6 ratio | 12x | ");
    expect(text).toContain("| b2 | Flink <2> & \\| more |");
    expect(text).not.toMatch(/undefined|NaN|Infinity/u);
  });
  test("the page needs nothing but itself, in light and dark", async () => {
    const { html } = await published();
    expect(html.match(/<svg/gu)?.length).toBeGreaterThanOrEqual(4);
    expect(html).toContain("@media (prefers-color-scheme: dark)");
    expect(html).not.toMatch(/<script|<link|<img|<iframe|@import|\bsrc=|url\(|undefined|NaN/u);
    expect(html.replaceAll(/xmlns(:\w+)?="[^"]*"/gu, "")).not.toMatch(/https?:|\/\//u);
    expect(html).toContain("Flink &lt;2&gt; &amp; | more");
    for (const { text } of goals) expect(html).toContain(text);
  });
  test("pictures have no colours of their own: each is a variable that both schemes set", async () => {
    const { html } = await published();
    const pictures = (html.match(/<svg[^]*?<\/svg>/gu) ?? []).join("");
    expect(pictures).not.toMatch(/(?:fill|stroke)="(?!none|transparent|var\()/u);
    const names = new Set([...pictures.matchAll(/var\((--[\w-]+)\)/gu)].map(([, name]) => name ?? ""));
    expect(names.size).toBeGreaterThan(3);
    for (const name of names) expect(html.match(new RegExp(`${name}: #`, "gu")), name).toHaveLength(2);
  });
});

describe("README.md", () => {
  test("its figures are lines of the results, between the markers", async () => {
    const { readme: renewed, text } = await published();
    expect(renewed).toMatch(/^# Title\n<!-- bench:begin -->\n\| question .*\n<!-- bench:end -->\nrest\n$/su);
    expect(renewed).toContain("| checkpoint | pause-p99 | 1GiB | rocksdb | 0.07 ms | - | - | - |\n");
    expect(renewed).not.toContain("mapGet");
    expect(quotationProblems(renewed, text)).toEqual([]);
    expect(withFigures(renewed, lines)).toBe(renewed);
  });
  test("a figure that the results do not have is found, wherever it stands", async () => {
    const { readme: renewed, text } = await published();
    expect(quotationProblems(renewed.replace("0.07 ms", "0.06 ms"), text)).toHaveLength(1);
    expect(quotationProblems(renewed.replace("| 12x |", "| 13x |"), text)).toHaveLength(1);
    expect(quotationProblems(renewed.replace("| 12x |", "|"), text)).toHaveLength(1);
    expect(quotationProblems(renewed, undefined)).toHaveLength(2);
    expect(quotationProblems(`${readme}It is 5x as fast, 1,200 records/s and 5.5 ops/ms.`, text)).toHaveLength(3);
  });
  test.each([
    ["no markers", "# Title\n"],
    ["only one", "<!-- bench:begin -->\n"],
    ["the wrong way round", "<!-- bench:end -->\n<!-- bench:begin -->\n"],
    ["twice", `${readme}${readme}`],
  ])("%s: it is left alone, with what to do", (_, text) => {
    expect(() => withFigures(text, lines)).toThrow("README.md must have <!-- bench:begin --> and then <!-- bench:end -->, once each");
  });
  test("of this repository: it quotes bench/RESULTS.md and has no figures elsewhere", () => {
    const file = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
    const resultsFile = file("bench/RESULTS.md");
    const text = existsSync(resultsFile) ? readFileSync(resultsFile, "utf8") : undefined;
    expect(quotationProblems(readFileSync(file("README.md"), "utf8"), text)).toEqual([]);
  });
});
