import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A text file of the repository; `path` is relative to its root, with "/". */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** The repository. */
export const repositoryRoot = fileURLToPath(new URL("../..", import.meta.url));

const skippedDirectories = /^(node_modules|dist|prebuilds|out|quickstart|\..*)$/;
const textFiles = /(\.(ts|mjs|cjs|js|json|md|cc|h|sh|yml|yaml|toml)|^\.ci\/run|LICENSE)$/;

/** Every text file that people wrote: no build results, no dependencies. */
export function readTree(root: string): SourceFile[] {
  const files: SourceFile[] = [];
  const visit = (directory: string): void => {
    for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
      const path = directory === "" ? entry.name : `${directory}/${entry.name}`;
      if (entry.isDirectory() && (!skippedDirectories.test(entry.name) || path === ".ci")) visit(path);
      if (entry.isFile() && textFiles.test(path)) files.push({ path, text: readFileSync(join(root, path), "utf8") });
    }
  };
  visit("");
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Whether a file is a test, or part of what tests use. */
export function isTest(path: string): boolean {
  return /\.test[.-][\w.-]*ts$|\.test\.ts$/.test(path) || /(^|\/)(test|tests|fixtures)\//.test(path);
}

/** Whether a file is program text: TypeScript or JavaScript. */
export function isScript(path: string): boolean {
  return /\.(ts|mjs|cjs|js)$/.test(path);
}
