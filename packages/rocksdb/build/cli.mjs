#!/usr/bin/env node
import { fileURLToPath } from "node:url";
import { buildAll } from "./build-all.mjs";
import { BuildError } from "./build-error.mjs";
import { stopOnSignals } from "./signals.mjs";

const usage = `usage: tidemark-rocksdb-build

Builds RocksDB (once, into the per-user cache) and the binding of @tidemark/rocksdb for this platform.
Environment: TIDEMARK_ROCKSDB_PREFIX, ROCKSDB_SOURCE, TIDEMARK_CACHE, TIDEMARK_BUILD_JOBS, CXX; see the README of
${fileURLToPath(new URL("..", import.meta.url))}`;

const args = process.argv.slice(2);
if (args.length > 0) {
  const asked = args.length === 1 && (args[0] === "--help" || args[0] === "-h");
  console.error(asked ? usage : `tidemark-rocksdb-build takes no arguments, got: ${args.join(" ")}\n\n${usage}`);
  process.exit(asked ? 0 : 2);
}
stopOnSignals();
try {
  await buildAll({ log: (line) => console.error(line) });
} catch (error) {
  console.error(error instanceof BuildError ? error.message : error);
  process.exitCode = 1;
}
