import type { Import } from "./imports.js";
import { isTest } from "./source-tree.js";

/**
 * Who may import whom. Inside core, a folder may import folders on its own line and on lines below it; what is not
 * listed is a violation, so that a new folder gets its place here on purpose.
 */
const coreLayers: readonly (readonly string[])[] = [
  ["testing"],
  ["connectors", "store"],
  ["api"],
  ["graph"],
  ["runtime"],
  ["operators"],
  ["state", "time", "checkpoint"],
  ["storage"],
  ["errors"],
];

const backendPackages = /^@tidemark\/(state-|rocksdb|storage-|cli|kafka)/;
const coreForCommand = /^@tidemark\/core\/(state|storage)$/;
const coreForBackends = /^@tidemark\/core\/(state|storage|store|testing)$/;

/** Every import that goes the wrong way, as sentences. */
export function dependencyProblems(imports: readonly Import[]): string[] {
  return [...new Set([...imports.flatMap(directionProblem), ...cycleProblems(imports)])];
}

function directionProblem(entry: Import): string[] {
  const { from, specifier, to } = entry;
  const owner = /^packages\/([^/]+)\//.exec(from)?.[1];
  if (owner === undefined || !from.includes("/src/")) return [];
  const problem = owner === "core" ? coreProblem(entry) : packageProblem(owner, entry);
  const leaves = to !== undefined && !to.startsWith(`packages/${owner}/`) ? "leaves its package by a relative path" : undefined;
  const text = leaves ?? problem;
  return text === undefined ? [] : [`${from} imports ${specifier}: ${text}`];
}

function coreProblem({ from, specifier, to }: Import): string | undefined {
  if (backendPackages.test(specifier)) return "core knows no backend";
  if (specifier.startsWith("@tidemark/core")) return "core imports itself by relative paths";
  if (/^(node:)?fs(\/|$)/.test(specifier) && !mayUseFiles(from)) return "only storage/node-*.ts touches files";
  if (to === undefined || isTest(from)) return undefined;
  const [above, below] = [coreLayer(from), coreLayer(to)];
  if (above === undefined || below === undefined) return undefined;
  if (above === -1 || below === -1) return "a folder has no place in coreLayers of scripts/tidy/dependency-rules.ts";
  return below < above ? `the order is ${coreLayers.map((layer) => layer.join("/")).join(" -> ")}` : undefined;
}

function mayUseFiles(path: string): boolean {
  return /\/storage\/node-[^/]*\.ts$/.test(path) || isTest(path);
}

/** Line of coreLayers; undefined for files outside a folder (index.ts), -1 for a folder that is not listed. */
function coreLayer(path: string): number | undefined {
  const folder = /^packages\/core\/src\/([^/]+)\//.exec(path)?.[1];
  return folder === undefined ? undefined : coreLayers.findIndex((layer) => layer.includes(folder));
}

function packageProblem(owner: string, { from, specifier }: Import): string | undefined {
  if (!specifier.startsWith("@tidemark/")) return undefined;
  if (owner === "rocksdb") return "the binding depends on no package of ours";
  if (owner === "cli") return coreForCommand.test(specifier) ? undefined : "the command imports @tidemark/core/state and /storage only";
  if (!owner.startsWith("state-") && !owner.startsWith("storage-")) return undefined;
  if (coreForBackends.test(specifier)) return undefined;
  if (owner === "state-rocksdb" && specifier === "@tidemark/rocksdb") return undefined;
  // A test may run the whole engine on the backend.
  if (isTest(from) && specifier.startsWith("@tidemark/core")) return undefined;
  return "a backend imports @tidemark/core/state, /storage, /store and /testing only (state-rocksdb also @tidemark/rocksdb)";
}

/** Circles of imports that remain when types are stripped: modules of a circle depend on which of them loads first. */
function cycleProblems(imports: readonly Import[]): string[] {
  const next = new Map<string, string[]>();
  for (const { from, to, isTypeOnly } of imports) {
    if (to !== undefined && !isTypeOnly && to !== from) next.set(from, [...(next.get(from) ?? []), to]);
  }
  const problems: string[] = [];
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) problems.push(`import circle: ${[...trail.slice(start), path].join(" -> ")}`);
    if (start >= 0 || finished.has(path)) return;
    for (const target of next.get(path) ?? []) visit(target, [...trail, path]);
    finished.add(path);
  };
  for (const path of next.keys()) visit(path, []);
  return problems;
}
