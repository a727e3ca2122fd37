// Runs the package's tests with a sanitizer build of the binding: node build/asan-test.mjs [asan|ubsan] <prefix of RocksDB>
import { execFileSync, spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { buildBinding } from "./binding.mjs";

const PACKAGE = dirname(dirname(fileURLToPath(import.meta.url)));
const ROOT = dirname(dirname(PACKAGE));

/** Environment under which a variant is loaded into an ordinary node. */
function sanitizerEnvironment(variant) {
  if (variant === "ubsan") return { UBSAN_OPTIONS: "print_stacktrace=1" };
  const compiler = process.env.CXX ?? "g++";
  const library = execFileSync(compiler, ["-print-file-name=libasan.so"], { encoding: "utf8" }).trim();
  return {
    LD_PRELOAD: library,
    // Node itself does not free everything at exit. RocksDB is not instrumented, so containers that it shares with us
    // would be reported as overflowing.
    ASAN_OPTIONS: "detect_leaks=0:detect_container_overflow=0:abort_on_error=1",
  };
}

/** Builds the variant and runs the tests; resolves with {passed, failed, code}. */
export async function testWithSanitizer({ prefix, variant, log }) {
  const binding = await buildBinding({ prefix, variant, log });
  const environment = { ...process.env, ...sanitizerEnvironment(variant), TIDEMARK_ROCKSDB_BINDING: binding };
  const vitest = join(ROOT, "node_modules", "vitest", "vitest.mjs");
  const child = spawn(process.execPath, [vitest, "run", join(PACKAGE, "src"), "--no-color", "--test-timeout", "300000"], {
    cwd: ROOT,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const code = await new Promise((resolve) => child.on("close", resolve));
  const summary = /^\s*Tests\s.*$/m.exec(output)?.[0] ?? "";
  const count = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(summary)?.[1] ?? 0);
  // A report of the sanitizer makes a run bad even where a test expected its process to fail.
  const reports = output.match(/^.*(ERROR: AddressSanitizer|runtime error:).*$/gm) ?? [];
  const isGood = code === 0 && reports.length === 0 && count("passed") > 0;
  if (!isGood) log(output);
  return { passed: count("passed"), failed: count("failed"), reports, isGood };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const words = process.argv.slice(2);
  const variants = words.filter((word) => word === "asan" || word === "ubsan");
  const prefix = words.find((word) => word !== "asan" && word !== "ubsan");
  if (prefix === undefined) throw new Error("usage: node build/asan-test.mjs [asan] [ubsan] <prefix of RocksDB>");
  for (const variant of variants.length > 0 ? variants : ["asan", "ubsan"]) {
    const result = await testWithSanitizer({ prefix, variant, log: console.log });
    console.log(`${variant}: ${result.passed} passed, ${result.failed} failed, ${result.reports.length} reports`);
    if (!result.isGood) process.exitCode = 1;
  }
}
