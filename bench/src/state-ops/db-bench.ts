import { execFile } from "node:child_process";
import { join } from "node:path";
import { type ResultLine, WrongResultError } from "../question.js";
import type { Settings } from "../settings.js";

/** Its names of the operations. */
const benchmarks: Readonly<Record<string, string>> = { "valueGet-5pct": "readrandom", "read-modify-write-5pct": "updaterandom" };

/** Bytes of a stored key of ours with a 64-bit key: key group, number of the state, key. */
const storedKeyBytes = 12;

/**
 * Measures an operation with db_bench, RocksDB's own benchmark: a process of C++ that calls RocksDB directly, with the options of our
 * backend, one thread and no log. It fills a database with each key once, waits for compaction, runs to warm up and once more. Throws
 * WrongResultError when it did not find every key.
 */
export async function measureDbBench(settings: Settings, emit: (line: ResultLine) => void): Promise<void> {
  const name = settings.text("case");
  const benchmark = benchmarks[name];
  if (benchmark === undefined) throw new Error(`unknown case: ${name}`);
  const program = settings.text("program");
  emit({ build: (await run(program, ["--version"])).trim() });
  const seconds = (iterations: string): number =>
    Math.max(1, Math.round((settings.number(iterations) * settings.number("iterationMs")) / 1_000));
  const common = databaseFlags(settings);
  await run(program, [...common, "--benchmarks=filluniquerandom,waitforcompaction"]);
  const timed = [...common, "--use_existing_db=1", `--benchmarks=${benchmark}`];
  await run(program, [...timed, `--duration=${seconds("warmUps")}`]);
  for (const line of resultLines(benchmark, await run(program, [...timed, "--seed=2", `--duration=${seconds("iterations")}`]))) emit(line);
}

/** The lines of a result as db_bench prints it. Exported for its test. */
export function resultLines(benchmark: string, output: string): ResultLine[] {
  const line = output.split(/[\r\n]/u).find((text) => text.startsWith(benchmark)) ?? "";
  const operationsMs = Number(/ops\/sec ([\d.]+) seconds/u.exec(line)?.[1]) * 1_000;
  const operations = Number(/(\d+) operations;/u.exec(line)?.[1]);
  const found = Number(/\((\d+) of \d+ found\)/u.exec(line)?.[1] ?? /found:(\d+)/u.exec(line)?.[1]);
  if (!(operations > 0) || !(operationsMs > 0)) {
    throw new Error(`db_bench printed no result of ${benchmark}\n${output.slice(-2_000)}`);
  }
  if (found !== operations) throw new WrongResultError(`db_bench found ${found} of ${operations} keys`);
  return [{ operations, operationsMs, snapshotMs: 0 }, { checked: found }];
}

/**
 * A quarter of the memory is block cache, as ours has it; half is for writes: ours has a table there. Index and filters are outside of it,
 * as db_bench has them by itself, where a read need not look them up.
 */
function databaseFlags(settings: Settings): string[] {
  const budgetBytes = settings.number("budgetBytes");
  const flags = {
    db: join(settings.text("directory"), "database"),
    num: settings.number("keys"),
    key_size: storedKeyBytes,
    value_size: settings.number("valueBytes"),
    seed: settings.number("seed"),
    threads: 1,
    disable_wal: 1,
    cache_type: "lru_cache",
    cache_size: Math.floor(budgetBytes / 4),
    write_buffer_size: Math.floor(budgetBytes / 8),
    max_write_buffer_number: 4,
    block_size: 4_096,
    bloom_bits: 10,
    format_version: 5,
    compression_type: "none",
    level_compaction_dynamic_level_bytes: 1,
    target_file_size_base: 16 * 2 ** 20,
    max_background_jobs: 2,
    level0_slowdown_writes_trigger: 1_000,
    level0_stop_writes_trigger: 1_000,
    soft_pending_compaction_bytes_limit: 0,
    hard_pending_compaction_bytes_limit: 0,
    bytes_per_sync: 2 ** 20,
    file_checksum: 1,
    open_files: -1,
  };
  return Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
}

/** All that it printed. A process of its own for each step, so that the steps have nothing in common but the database. */
function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`db_bench ${args.at(-1)} failed\n${(stdout + stderr).trim().slice(-2_000)}`, { cause: error }));
    });
  });
}
