/** One measurement of one of our systems, in a process of its own: node measure-main.js <question> name=value ... */
import { measureOf } from "./measurements.js";
import { WrongResultError, wrongResultExitCode } from "./question.js";
import { Settings } from "./settings.js";

async function main(question: string, args: readonly string[]): Promise<number> {
  try {
    const measure = await measureOf(question);
    await measure(Settings.parse(args), (line) => process.stdout.write(`${JSON.stringify(line)}\n`), () => performance.now());
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof WrongResultError ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
    return error instanceof WrongResultError ? wrongResultExitCode : 1;
  }
}

process.exitCode = await main(process.argv[2] ?? "", process.argv.slice(3));
