import { spawnSync } from "node:child_process";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { FileOptions } from "../question.js";
import type { Parameters } from "../row.js";
import { type Command, runMeasuringProcess } from "../runner/measuring-process.js";
import type { Launch } from "../runner/run-question.js";
import { settingArguments } from "../settings.js";
import { prepareDbBench } from "./db-bench-peer.js";
import { type FlinkPeer, prepareFlink } from "./flink-peer.js";
import { missingNodePeers } from "./node-peers.js";
import { createScratch, removeAbandoned, scratchRoot } from "./scratch-directory.js";

/** Whether a system is Apache Flink with one of its state backends. */
function isFlink(system: string): boolean {
  return system.startsWith("flink-");
}

/** The systems that can run here, and how to start a process of each. Those that cannot are named to `log`, with the reason. */
export async function prepareSystems(
  systems: readonly string[],
  files: FileOptions,
  signal: AbortSignal,
): Promise<{ systems: string[]; launch: Launch }> {
  const { log } = files;
  const flink = systems.some(isFlink) ? await prepareFlink(log) : { missing: "not asked for" };
  const missing = "missing" in flink ? flink.missing : undefined;
  if (missing !== undefined) for (const system of systems.filter(isFlink)) log(`${system} is skipped: ${missing}`);
  const hasCopy = !systems.includes("cp") || ["cp", "sha256sum"].every((name) => spawnSync(name, ["--version"]).status === 0);
  if (!hasCopy) log("cp is skipped: the commands cp and sha256sum of GNU coreutils were not found");
  const dbBench = systems.includes("db_bench") ? await prepareDbBench(log) : { missing: "not asked for" };
  if (systems.includes("db_bench") && "missing" in dbBench) log(`db_bench is skipped: ${dbBench.missing}`);
  const missingPeers = await missingNodePeers(systems, log);
  for (const [system, reason] of missingPeers) log(`${system} is skipped: ${reason}`);
  const canRun = (system: string): boolean => {
    if (isFlink(system)) return missing === undefined;
    if (system === "cp") return hasCopy;
    return system === "db_bench" ? "program" in dbBench : !missingPeers.has(system);
  };
  const ready = systems.filter(canRun);
  await removeAbandoned(scratchRoot());
  const launch: Launch = async (question, { measurement, system, run }, settings) => {
    const directory = await createScratch(scratchRoot());
    try {
      const own = { system, case: measurement.name, directory, ...(await measurement.files?.(files)) };
      const program = system === "db_bench" && "program" in dbBench ? { program: dbBench.program } : {};
      const args = [question, ...settingArguments({ ...own, ...program, ...settings })];
      const command = isFlink(system) ? flinkCommand(flink, args, settings, directory) : ownCommand(args, settings);
      return await runMeasuringProcess(command, `${measurement.name} on ${system}, run ${run}`, signal);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  };
  return { systems: ready, launch };
}

function flinkCommand(flink: FlinkPeer, args: readonly string[], settings: Parameters, directory: string): Command {
  if ("missing" in flink) throw new Error(flink.missing);
  return flink.command(args, { heapMiB: Number(settings["heapMiB"]), directory });
}

function ownCommand(args: readonly string[], settings: Parameters): Command {
  const program = fileURLToPath(new URL("../measure-main.js", import.meta.url));
  const options = settings["nodeOptions"] === undefined ? [] : String(settings["nodeOptions"]).split(" ");
  return { program: process.execPath, args: [`--max-old-space-size=${settings["heapMiB"]}`, "--expose-gc", ...options, program, ...args] };
}
