/** The command behind `npm run bench`. */
import { CommanderError } from "commander";
import { rename, writeFile } from "node:fs/promises";
import { type MeasureRequest, parseCommandLine, WrongCallError } from "./command-line.js";
import { describeCommit, describeMachine } from "./machine.js";
import { textTable } from "./output/text-table.js";
import { WrongResultError } from "./question.js";
import { questions } from "./questions/index.js";
import { LineProgress } from "./runner/progress.js";
import { runQuestion } from "./runner/run-question.js";
import { prepareSystems } from "./systems/launch.js";
import { requireSpace, scratchRoot } from "./systems/scratch-directory.js";

async function main(args: readonly string[]): Promise<number> {
  const request = parseCommandLine(args, questions);
  if (request.kind === "list") {
    for (const { name, summary } of questions) process.stdout.write(`${name}: ${summary}\n`);
    return 0;
  }
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  return measure(request, stop.signal);
}

async function measure(request: MeasureRequest, signal: AbortSignal): Promise<number> {
  const { question, size, runs, isQuick, cases, json, html } = request;
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const fitting = request.systems.filter((system) => {
    const reason = question.tooLarge?.(system, size);
    if (reason !== undefined) log(`${system} is skipped: ${reason}`);
    return reason === undefined;
  });
  await requireSpace(scratchRoot(), question.diskBytes?.(size) ?? 0);
  const { systems, launch } = await prepareSystems(fitting, log, signal);
  if (systems.length === 0) {
    log("None of the systems can run here; nothing was measured");
    return 1;
  }
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

/** The file appears complete or not at all. */
async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
}

/** 2 for a wrong call, 1 for a wrong result and for other failures, each with its message. */
function exitCodeOf(error: unknown): number {
  // commander has printed its message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const text = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${error instanceof WrongResultError ? `Wrong result, so there are no figures: ${text}` : text}\n`);
  return error instanceof WrongCallError ? 2 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
