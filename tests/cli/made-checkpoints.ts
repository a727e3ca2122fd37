import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runTidemark } from "@tidemark/cli";
import { int32, int64, job, mapState, string, struct, valueState, type StateBackend } from "@tidemark/core";
import { collectSink } from "@tidemark/core/connectors";
import { ManualSource } from "../engine/manual-source.js";
import { silentLogger } from "../engine/scratch.js";

const bin = fileURLToPath(new URL("../../packages/cli/bin/tidemark.mjs", import.meta.url));

/** What a run of the command left. */
export interface CommandRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the compiled tidemark command in a process of its own, as people do. */
export function tidemark(args: readonly string[], options: { readonly uid?: number } = {}): Promise<CommandRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bin, ...args], { stdio: ["ignore", "pipe", "pipe"], ...options });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
}

/** The same without a process, for the many runs. */
export async function tidemarkHere(args: readonly string[]): Promise<CommandRun> {
  let [stdout, stderr] = ["", ""];
  const terminal = { out: (text: string) => (stdout += text), err: (text: string) => (stderr += text), isErrInteractive: false };
  return { exitCode: await runTidemark(args, terminal), stdout, stderr };
}

/** The command's --json, parsed. */
export async function tidemarkJson<T = Record<string, unknown>>(args: readonly string[]): Promise<T> {
  return JSON.parse((await tidemarkHere([...args, "--json"])).stdout) as T;
}

/** Runs a job until it took `count` checkpoints and returns its checkpoint directory. */
export async function makeCheckpoints(directory: string, backend: StateBackend, count = 3, name = "counting"): Promise<string> {
  const source = new ManualSource();
  const output: string[] = [];
  const counting = job(
    name,
    (env) => {
      env
        .source("numbers", source.source())
        .keyBy((number) => number % 50, int32())
        .process<string>("count", (context) => {
          const total = context.getState(valueState("total", int64()));
          const seen = context.getState(mapState("seen", string(), struct({ at: int64(), times: int32() })));
          return {
            processElement(number, collect) {
              total.update((total.value() ?? 0) + 1);
              seen.put(`n${number}`, { at: number, times: 1 });
              collect(String(number));
            },
          };
        })
        .sink("out", collectSink(output));
    },
    { backend, checkpoint: { directory: join(directory, "checkpoints"), interval: "1h", retain: 10 }, logger: silentLogger },
  ).start();
  for (let round = 1; round <= count; round += 1) {
    source.release(200);
    while (output.length < round * 200) await new Promise((resolve) => setTimeout(resolve, 2));
    if (round < count) await counting.triggerCheckpoint();
  }
  // The last one is taken by stop().
  await counting.stop();
  return join(directory, "checkpoints");
}
