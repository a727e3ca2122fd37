/** The command behind `npm run bench`. */
import { type MeasureRequest, parseCommandLine } from "./command-line.js";
import { describeCommit, describeMachine } from "./machine.js";
import { replaceFile } from "./output/replace-file.js";
import { textTable } from "./output/text-table.js";
import { runProgram } from "./program.js";
import type { Question } from "./question.js";
import { questions } from "./questions/index.js";
import { neededBytes, selectCases } from "./runner/plan.js";
import { LineProgress } from "./runner/progress.js";
import { runQuestion } from "./runner/run-question.js";
import { prepareSystems } from "./systems/launch.js";
import { requireSpace, scratchRoot } from "./systems/scratch-directory.js";

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const request = parseCommandLine(args, questions);
  if (request.kind === "list") {
    for (const question of questions) process.stdout.write(`${listLine(question)}\n`);
    return 0;
  }
  return measure(request, signal);
}

function listLine({ name, summary, notYet = {} }: Question): string {
  const cases = Object.keys(notYet);
  return cases.length === 0 ? `${name}: ${summary}` : `${name}: ${summary} (not yet: ${cases.join(", ")})`;
}

async function measure(request: MeasureRequest, signal: AbortSignal): Promise<number> {
  const { question, size, runs, isQuick, cases, json, html } = request;
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const fitting = request.systems.filter((system) => {
    const reason = question.tooLarge?.(system, size);
    if (reason !== undefined) log(`${system} is skipped: ${reason}`);
    return reason === undefined;
  });
  await requireSpace(scratchRoot(), neededBytes(question, cases, size));
  const { systems, launch } = await prepareSystems(fitting, { isQuick, log }, signal);
  if (systems.length === 0) {
    log("None of the systems can run here; nothing was measured");
    return 1;
  }
  for (const measurement of selectCases(question, cases)) await measurement.files?.({ isQuick, log });
  const rows = await runQuestion({
    question,
    systems,
    size,
    runs,
    isQuick,
    launch,
    progress: new LineProgress(log, () => performance.now()),
    machine: describeMachine(),
    commit: describeCommit(),
    ...(cases === undefined ? {} : { cases }),
  });
  if (json !== undefined) await replaceFile(json, `${JSON.stringify(rows, undefined, 2)}\n`);
  if (html !== undefined) {
    // Drawing takes longer to load than all the rest.
    const { htmlPage } = await import("./output/html-page.js");
    await replaceFile(html, await htmlPage(question.name, rows));
  }
  process.stdout.write(`${textTable(rows)}\n`);
  return 0;
}

await runProgram(main);
