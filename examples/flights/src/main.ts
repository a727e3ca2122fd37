/** The flights example: the command behind `npm run quickstart`. */
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { wallClock } from "./clock.js";
import { backendName, command, jobEntry, runMain, wholeNumber } from "./command-line.js";
import { flightsPath } from "./flight.js";
import { createProgress, noProgress } from "./progress.js";
import { runQuickstart } from "./quickstart.js";
import { writeReport } from "./report.js";
import { summaryText } from "./summary.js";

interface Options {
  readonly backend: string;
  readonly seed?: number;
  readonly records?: number;
  readonly kills: number;
  readonly input?: string;
  readonly output: string;
  readonly quiet?: boolean;
}

async function main(): Promise<number> {
  const parser = command("quickstart", "Statistics of three million flights, with the process killed on the way and the same result")
    .option("--backend <name>", "where state is kept: memory or rocksdb", "rocksdb")
    .option("--seed <number>", "repeats the kills of an earlier run", wholeNumber(0, 4_294_967_295))
    .option("--records <count>", "only the first records of the input", wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option("--kills <count>", "how often the process is killed", wholeNumber(0, 100), 2)
    .option("--input <file>", "the Parquet file to read (default: flights-3m.parquet)")
    .option("--output <directory>", "where the result and the report go", "quickstart")
    .option("--quiet", "no progress, only the summary")
    .parse();
  const options = parser.opts<Options>();
  const backend = backendName(options.backend);
  const seed = options.seed ?? randomInt(2 ** 31);
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort(new Error(signal)));
  const stream = process.stderr;
  const progress = options.quiet === true ? noProgress : createProgress({ stream, isTerminal: stream.isTTY === true, clock: wallClock });
  if (options.quiet !== true) stream.write(`seed ${seed} (--seed ${seed} repeats this run's kills)\n`);
  try {
    const outcome = await runQuickstart({
      backend,
      seed,
      kills: options.kills,
      input: options.input ?? flightsPath(),
      outputDirectory: options.output,
      jobEntry: jobEntry(import.meta.url),
      clock: wallClock,
      progress,
      signal: stop.signal,
      ...(options.records === undefined ? {} : { records: options.records }),
    });
    progress.stop();
    if (outcome === undefined) {
      process.stdout.write("Stopped after a last checkpoint, before the end of the input\n");
      return 0;
    }
    await writeReport(options.output, outcome.report, outcome.details);
    process.stdout.write(summaryText(outcome.report, outcome.details));
    process.stdout.write(`\nReport: ${join(options.output, "report.html")} and report.json\n`);
    return outcome.report.match ? 0 : 1;
  } finally {
    progress.stop();
  }
}

await runMain(main);
