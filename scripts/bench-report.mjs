// Static syntax only, and no top-level await: an old Node must get as far as the version check.
import check from "./check-node.cjs";

check.requireNode();
import("./run-program.mjs").then((program) => program.runAfterSetup("bench/dist/report/report-main.js", process.argv.slice(2)));
