// Loaded before anything else, so it must parse on a very old Node: no syntax after ES5.
"use strict";

var minimumMajor = 20;
var minimumMinor = 19;

/**
 * What to tell the user when a Node version is too old; undefined when it will do.
 *
 * @param {string} version such as "20.19.0"
 * @returns {string | undefined}
 */
function nodeProblem(version) {
  var parts = String(version).replace(/^v/, "").split(".");
  var major = Number(parts[0]);
  var minor = Number(parts[1]);
  if (major > minimumMajor || (major === minimumMajor && minor >= minimumMinor)) return undefined;
  return (
    "Tidemark needs Node.js " + minimumMajor + "." + minimumMinor + " or newer; this is " + version + ".\n" +
    "Install a current version from https://nodejs.org or with a version manager (nvm install 22), then run this again."
  );
}

/** Ends the process with advice when Node is too old. */
function requireNode() {
  var problem = nodeProblem(process.versions.node);
  if (problem === undefined) return;
  console.error(problem);
  process.exit(1);
}

module.exports = { nodeProblem: nodeProblem, requireNode: requireNode };
