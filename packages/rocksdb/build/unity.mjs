/**
 * A unity build: several source files compiled as one, so that the headers they share are read once. For RocksDB on two
 * cores this takes six minutes instead of twenty.
 */

/** @typedef {{ source: string, sizeBytes: number, flags: string }} Unit a file to compile, with its compiler command */
/** @typedef {{ name: string, sources: string[], sizeBytes: number, flags: string }} Group */

/** Large enough that headers are shared, small enough that both cores stay busy and memory suffices. */
const limits = { files: 7, groupBytes: 200_000, aloneBytes: 120_000 };

/**
 * Groups files of one directory and equal flags, at most 7 files or 200 kB a group; a file above 120 kB stays alone.
 * Files of a directory rarely define the same local names, files of different directories do. The largest group is
 * first, so that the build does not end with one core waiting for it.
 *
 * @param {readonly Unit[]} units
 * @returns {Group[]}
 */
export function groupUnits(units) {
  const sorted = units.toSorted((a, b) => compare(directoryOf(a.source), directoryOf(b.source)) || compare(a.source, b.source));
  /** @type {Omit<Group, "name">[]} */
  const groups = [];
  /** @type {Omit<Group, "name"> | undefined} */
  let open;
  for (const { source, sizeBytes, flags } of sorted) {
    if (sizeBytes > limits.aloneBytes || !/\.(cc|cpp|cxx)$/.test(source)) {
      groups.push({ sources: [source], sizeBytes, flags });
      continue;
    }
    const fits =
      open !== undefined &&
      open.flags === flags &&
      directoryOf(open.sources[0] ?? "") === directoryOf(source) &&
      open.sources.length < limits.files &&
      open.sizeBytes + sizeBytes <= limits.groupBytes;
    if (open === undefined || !fits) {
      open = { sources: [], sizeBytes: 0, flags };
      groups.push(open);
    }
    open.sources.push(source);
    open.sizeBytes += sizeBytes;
  }
  groups.sort((a, b) => b.sizeBytes - a.sizeBytes);
  return groups.map((group, index) => ({ name: `u${String(index).padStart(3, "0")}`, ...group }));
}

/**
 * Reads CMake's compile_commands.json: which files a target has and how each is compiled.
 *
 * @param {string} json
 * @param {(path: string) => number} sizeOf bytes of a file
 * @returns {Unit[]}
 */
export function unitsOf(json, sizeOf) {
  /** @type {{ file: string, command: string, output?: string }[]} */
  const entries = JSON.parse(json);
  return entries.map(({ file, command }) => {
    const end = / -o \S+ -c \S+$/.exec(command);
    if (end === null) throw new Error(`cannot read the compiler command of ${file}: ${command}`);
    return { source: file, sizeBytes: sizeOf(file), flags: command.slice(0, end.index) };
  });
}

/** The file that is compiled for a group of more than one. @param {readonly string[]} sources */
export function unityText(sources) {
  return sources.map((source) => `#include ${JSON.stringify(source)}\n`).join("");
}

/** @param {string} path */
function directoryOf(path) {
  return path.slice(0, path.lastIndexOf("/"));
}

/** @param {string} a @param {string} b */
function compare(a, b) {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
