import { createRequire } from "node:module";
import { NodeFileSystem, type JobPlace } from "@tidemark/core/storage";
import { Command, CommanderError } from "commander";
import { parseId } from "./checkpoint-choice.js";
import { type CommandResult, type Problem, problemOf, UsageError } from "./command-result.js";
import { diff } from "./commands/diff.js";
import { gc } from "./commands/gc.js";
import { inspect } from "./commands/inspect.js";
import { list } from "./commands/list.js";
import { verify } from "./commands/verify.js";
import { findJob } from "./find-job.js";
import { printable, printableJson } from "./printable.js";
import type { Terminal } from "./terminal.js";

interface CommonOptions {
  readonly job?: string;
  readonly json?: boolean;
}

/** What a command does once its job is found. */
type Action = (place: JobPlace) => Promise<CommandResult>;

/**
 * Runs the tidemark command with the arguments after its name and returns the exit code: 0 fine, 1 problems found, 2 wrong usage.
 * Never throws and never changes the process; what goes wrong is one line on `terminal.err`.
 */
export async function runTidemark(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0;
  const run = async (directory: string, options: CommonOptions, action: Action): Promise<void> => {
    exitCode = await runOn(directory, options, action, terminal);
  };
  try {
    await program(run, terminal).parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? 0 : 2;
    }
    complain(terminal, error instanceof UsageError ? error.message : describe(problemOf(error)));
    return error instanceof UsageError ? 2 : 1;
  }
}

async function runOn(directory: string, options: CommonOptions, action: Action, terminal: Terminal): Promise<number> {
  const fileSystem = new NodeFileSystem();
  try {
    const { json, lines, problems } = await action(await findJob(fileSystem, directory, options.job));
    terminal.out(options.json === true ? printableJson(json) : lines.map((line) => `${printable(line)}\n`).join(""));
    for (const problem of problems) complain(terminal, describe(problem));
    return problems.length === 0 ? 0 : 1;
  } catch (error) {
    if (options.json === true && !(error instanceof UsageError)) {
      terminal.out(printableJson({ problems: [problemOf(error)] }));
    }
    throw error;
  } finally {
    await fileSystem.close();
  }
}

function program(run: (directory: string, options: CommonOptions, action: Action) => Promise<void>, terminal: Terminal): Command {
  const { version } = createRequire(import.meta.url)("../package.json") as { readonly version: string };
  const root = new Command("tidemark").version(version);
  root.description("Looks into checkpoints, verifies them and deletes what nothing needs.");
  // Set before commands are added, which inherit it.
  root.exitOverride().configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(printableLines(text)) });
  root.addHelpText("after", "\nExit code: 0 fine, 1 problems found, 2 wrong usage.");
  const checkpoint = root.command("checkpoint").description("look at checkpoints");
  const command = (parent: Command, usage: string, description: string): Command =>
    parent
      .command(usage)
      .description(description)
      .option("--job <name>", "which job, where DIR holds several")
      .option("--json", "print JSON for programs");
  command(checkpoint, "list <DIR>", "the checkpoints of a job").action((directory: string, options: CommonOptions) =>
    run(directory, options, (place) => list(place)),
  );
  command(checkpoint, "inspect <DIR> [ID]", "operators, states and files of a checkpoint (the newest)").action(
    (directory: string, id: string | undefined, options: CommonOptions) => {
      const wanted = optionalId(id);
      return run(directory, options, (place) => inspect(place, wanted));
    },
  );
  command(checkpoint, "verify <DIR> [ID]", "check every file of a checkpoint (of all)")
    .option("--sizes", "compare sizes only, which is quick")
    .action((directory: string, id: string | undefined, options: CommonOptions & { readonly sizes?: boolean }) => {
      const wanted = optionalId(id);
      return run(directory, options, (place) => verify(place, wanted, options.sizes === true ? "sizes" : "checksums", terminal));
    });
  command(checkpoint, "diff <DIR> <A> <B>", "what two checkpoints have in common and not").action(
    (directory: string, first: string, second: string, options: CommonOptions) => {
      const [a, b] = [parseId(first), parseId(second)];
      return run(directory, options, (place) => diff(place, a, b));
    },
  );
  command(root, "gc <DIR>", "delete what no checkpoint needs and no running job can need")
    .option("--dry-run", "only say what may go, and why")
    .action((directory: string, options: CommonOptions & { readonly dryRun?: boolean }) =>
      run(directory, options, (place) => gc(place, options.dryRun === true)),
    );
  return root;
}

function optionalId(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseId(text);
}

function describe({ code, message }: Problem): string {
  return `${code}: ${message}`;
}

function complain(terminal: Terminal, message: string): void {
  terminal.err(`tidemark: ${printable(message)}\n`);
}

/** Commander repeats what was typed. */
function printableLines(text: string): string {
  return text.split("\n").map((line) => printable(line)).join("\n");
}
