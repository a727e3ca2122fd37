#!/usr/bin/env node
import { existsSync } from "node:fs";

// A file of its own and not a compiled one: it is there, and executable, before anything was compiled.
const program = new URL("../dist/index.js", import.meta.url);
if (existsSync(program)) {
  const { processTerminal, runTidemark } = await import(program.href);
  process.exitCode = await runTidemark(process.argv.slice(2), processTerminal());
} else {
  console.error("tidemark: it is not compiled yet; run `npm run setup` (or `npx tsc -b`) in the repository first");
  process.exitCode = 2;
}
