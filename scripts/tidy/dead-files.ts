import type { Import } from "./imports.js";
import type { SourceFile } from "./source-tree.js";

/**
 * Product files that nothing leads to: not an entry of a package.json, not imported by anything but tests. Entries are
 * found in "exports", "bin" and "scripts", in quoted names of files that are started as workers, and in .ci/run.
 */
export function deadFiles(files: readonly SourceFile[], imports: readonly Import[]): string[] {
  const reached = new Set<string>();
  const byImporter = new Map<string, string[]>();
  for (const { from, to } of imports) if (to !== undefined) byImporter.set(from, [...(byImporter.get(from) ?? []), to]);
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const target of byImporter.get(path) ?? []) visit(target);
  };
  for (const path of entries(files)) visit(path);
  return files
    .map((file) => file.path)
    .filter((path) => isProduct(path) && !reached.has(path))
    .map((path) => `${path}: nothing imports it and it is no entry of a package; delete it or export it`);
}

function isProduct(path: string): boolean {
  return /^(packages\/[^/]+\/(src|build)|scripts)\/.*\.(ts|mjs|cjs)$/.test(path) && !/\.test[.-]|\.d\.ts$/.test(path);
}

function entries(files: readonly SourceFile[]): string[] {
  const found: string[] = [];
  for (const { path, text } of files) {
    // Below scripts/ the tests are the product; elsewhere a file that only its own test uses is dead.
    if (/^scripts\/.*\.test\.ts$/.test(path) || /^(tests|examples|bench)\//.test(path)) found.push(path);
    if (/(^|\/)package\.json$/.test(path)) found.push(...namedIn(text, path.slice(0, -"package.json".length)));
    if (path === ".ci/run") found.push(...namedIn(text, ""));
    if (/^(packages|scripts)\/.*\.(ts|mjs)$/.test(path)) found.push(...namedIn(text, ""));
  }
  return found;
}

/** Names of source files in a text; a manifest names what it is compiled to as well. */
function namedIn(text: string, directory: string): string[] {
  return [...text.matchAll(/(?<=["\s])(?:\.\/)?((?:packages|scripts|src|build|dist)\/[\w./-]+\.(?:ts|mjs|cjs))(?=["\s])/g)].map(
    (match) => directory + (match[1] ?? ""),
  );
}
