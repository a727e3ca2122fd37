import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { deadFiles } from "./dead-files.js";
import { dependencyProblems } from "./dependency-rules.js";
import { docstringProblems } from "./docstring-rules.js";
import { architectureProblems, errorDocumentProblems, linkProblems, lockProblems } from "./document-rules.js";
import { fileProblems } from "./file-rules.js";
import { importsOf } from "./imports.js";
import { isScript, readTree, repositoryRoot } from "./source-tree.js";

const tree = readTree(repositoryRoot);
const imports = importsOf(tree.filter((file) => isScript(file.path)));
const textOf = (path: string): string | undefined => tree.find((file) => file.path === path)?.text;
const packages = tree.flatMap(({ path }) => /^packages\/([^/]+)\/package\.json$/.exec(path)?.[1] ?? []);

/** The source of each entry that a package.json exports. */
const entries = packages.flatMap((name) => {
  const manifest = textOf(`packages/${name}/package.json`) ?? "";
  return [...manifest.matchAll(/"tidemark-source": "\.\/([^"]+)"/g)].map((match) => `packages/${name}/${match[1]}`);
});

describe("house rules on this repository", () => {
  test("names, lengths, words, and what wraps clock and files", () => {
    expect(tree.flatMap(fileProblems)).toEqual([]);
  });
  test("imports go one way, without circles", () => {
    expect(dependencyProblems(imports)).toEqual([]);
  });
  test("no dead files", () => {
    expect(deadFiles(tree, imports)).toEqual([]);
  });
  test("public functions and classes have docstrings", () => {
    expect(entries.length).toBeGreaterThan(0);
    expect(docstringProblems(tree, imports, entries)).toEqual([]);
  });
  test("relative links in documents lead somewhere", () => {
    expect(linkProblems(tree, (path) => existsSync(join(repositoryRoot, path)))).toEqual([]);
  });
  test("docs/errors.md lists every error code", () => {
    expect(errorDocumentProblems(textOf("docs/errors.md"))).toEqual([]);
  });
  test("ARCHITECTURE.md names every package", () => {
    expect(architectureProblems(textOf("ARCHITECTURE.md"), packages)).toEqual([]);
  });
  test("package-lock.json names no host and knows every workspace", () => {
    const workspaces = tree.flatMap(({ path }) => /^((?:packages|examples)\/[^/]+|tests|bench)\/package\.json$/.exec(path)?.[1] ?? []);
    expect(lockProblems(textOf("package-lock.json") ?? "", workspaces)).toEqual([]);
  });
});
