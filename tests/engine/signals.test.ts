import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { scratchDirectory } from "./scratch.js";

/** Runs the endless job until it has processed records; its last checkpoint takes `lastCheckpointMs`. */
async function running(lastCheckpointMs: number): Promise<{ child: ChildProcess; output: () => string }> {
  const program = fileURLToPath(new URL("./signal-job.mjs", import.meta.url));
  const child = spawn(process.execPath, [program, await scratchDirectory(), String(lastCheckpointMs)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (text) => (output += String(text)));
  let log = "";
  child.stderr.on("data", (text) => (log += String(text)));
  while (!output.includes("running")) {
    if (child.exitCode !== null) throw new Error(`the job ended by itself:\n${log}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return { child, output: () => output };
}

test.each(["SIGINT", "SIGTERM"] as const)("%s takes a last checkpoint and ends the process with 0", async (signal) => {
  const { child, output } = await running(0);
  child.kill(signal);
  expect((await once(child, "exit"))[0]).toBe(0);
  expect(output()).toContain("stopped true");
});

test("a second signal ends the process at once", async () => {
  const { child, output } = await running(60_000);
  child.kill("SIGINT");
  while (!output().includes("snapshot")) await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill("SIGINT");
  expect((await once(child, "exit"))[0]).toBe(130);
  expect(output()).not.toContain("stopped");
});
