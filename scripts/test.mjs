// Static syntax only, and no top-level await: an old Node must get as far as the version check.
import check from "./check-node.cjs";

check.requireNode();
import("./gate/test-command.mjs").then((command) => command.runTests(process.argv.slice(2)));
