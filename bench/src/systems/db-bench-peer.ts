import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("../../peers/db-bench/build.mjs", import.meta.url));

/** RocksDB's own benchmark, built and ready, or why it cannot be. */
export type DbBenchPeer = { readonly program: string } | { readonly missing: string };

/** Builds it when it is not there yet. `path` is the script that does, for tests. */
export function prepareDbBench(log: (line: string) => void, path: string = script): Promise<DbBenchPeer> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [path], { maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      const program = stdout.trim().split("\n").at(-1) ?? "";
      if (error === null && program !== "") resolve({ program });
      else resolve({ missing: `db_bench could not be built here: ${stderr.trim() || "its build said nothing"}` });
    });
    // What it says while it works; the reason of a failure comes with the result.
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.split("\n")) if (/^(building|installing|another|process) /u.test(line)) log(line);
    });
  });
}
