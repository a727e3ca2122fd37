/** The tidemark command, also for programs that want to call it without a process of its own. */
export { runTidemark } from "./run-tidemark.js";
export { processTerminal, type Terminal } from "./terminal.js";
