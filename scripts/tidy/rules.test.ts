import { describe, expect, test } from "vitest";
import { deadFiles } from "./dead-files.js";
import { dependencyProblems } from "./dependency-rules.js";
import { docstringProblems } from "./docstring-rules.js";
import { architectureProblems, errorDocumentProblems, linkProblems, lockProblems } from "./document-rules.js";
import { fileProblems } from "./file-rules.js";
import { importsOf } from "./imports.js";

const files = (tree: Record<string, string>) => Object.entries(tree).map(([path, text]) => ({ path, text }));
const problemsOf = (tree: Record<string, string>) => dependencyProblems(importsOf(files(tree)));
const core = "packages/core/src";

describe("imports", () => {
  test("are found in all their forms", () => {
    const text = [
      'import a, { type B } from "./a.js";', 'import type { C } from "./c.js";', 'import { type D } from "./d.js";',
      'export * from "./e.js";',
      'const f = await import("./f.js");', 'new URL("./g.js", import.meta.url);', 'import fs from "node:fs";',
    ].join("\n");
    const found = importsOf(files({ "x/i.ts": text, "x/a.ts": "", "x/c.ts": "", "x/d.ts": "", "x/e.ts": "", "x/f.ts": "", "x/g.js": "" }));
    expect(found.map(({ to }) => to)).toEqual(["x/a.ts", "x/c.ts", "x/d.ts", "x/e.ts", undefined, "x/f.ts", "x/g.js"]);
    expect(found.filter(({ isTypeOnly }) => isTypeOnly).map(({ to }) => to)).toEqual(["x/c.ts", "x/d.ts"]);
  });
  test("a file that cannot be parsed is named", () => {
    expect(() => importsOf(files({ "x/bad.ts": "import {" }))).toThrow("x/bad.ts cannot be parsed");
  });
});

describe("dependency rules", () => {
  test.each([
    ["storage/a.ts", "../state/b.js", "state/b.ts"],
    ["errors/a.ts", "../storage/b.js", "storage/b.ts"],
    ["runtime/a.ts", "../graph/b.js", "graph/b.ts"],
    ["operators/deep/a.ts", "../../api/b.js", "api/b.ts"],
    ["state/a.ts", "../testing/b.js", "testing/b.ts"],
  ])("core: %s must not import %s", (from, specifier, to) => {
    for (const statement of [`import { b } from "${specifier}";`, `import type { B } from "${specifier}";`]) {
      expect(problemsOf({ [`${core}/${from}`]: statement, [`${core}/${to}`]: "" })).toEqual([expect.stringContaining("the order is")]);
    }
    expect(problemsOf({ [`${core}/${from}`.replace(".ts", ".test.ts")]: `import "${specifier}";`, [`${core}/${to}`]: "" })).toEqual([]);
  });
  test("core: downwards and sideways is right, unknown folders are not", () => {
    const to = { [`${core}/storage/b.ts`]: "", [`${core}/time/b.ts`]: "" };
    const right = { [`${core}/api/a.ts`]: 'import "../storage/b.js";', [`${core}/state/a.ts`]: 'import "../time/b.js";' };
    expect(problemsOf({ ...to, ...right })).toEqual([]);
    const unknown = "has no place in coreLayers";
    expect(problemsOf({ ...to, [`${core}/new/a.ts`]: 'import "../time/b.js";' })[0]).toContain(unknown);
    expect(problemsOf({ [`${core}/api/a.ts`]: 'import "../new/b.js";', [`${core}/new/b.ts`]: "" })[0]).toContain(unknown);
  });
  test("core: no backend, no package name of its own, no files", () => {
    const text = 'import "@tidemark/state-rocksdb";\nimport "@tidemark/rocksdb";\nimport "@tidemark/core";\nimport "node:fs/promises";';
    expect(problemsOf({ [`${core}/state/a.ts`]: text })).toHaveLength(4);
    expect(problemsOf({ [`${core}/storage/node-x.ts`]: 'import "node:fs";' })).toEqual([]);
  });
  test("backends: core's state and storage, and the binding for one of them", () => {
    const importing = (owner: string, specifier: string) => problemsOf({ [`packages/${owner}/src/a.ts`]: `import "${specifier}";` }).length;
    expect(importing("state-memory", "@tidemark/core/state")).toBe(0);
    expect(importing("state-memory", "@tidemark/core")).toBe(1);
    expect(importing("state-memory", "@tidemark/core/connectors")).toBe(1);
    expect(importing("state-memory", "@tidemark/rocksdb")).toBe(1);
    expect(importing("state-rocksdb", "@tidemark/rocksdb")).toBe(0);
    expect(importing("state-rocksdb", "@tidemark/state-memory")).toBe(1);
    expect(importing("rocksdb", "@tidemark/core")).toBe(1);
    expect(importing("cli", "@tidemark/core/storage")).toBe(0);
    expect(importing("cli", "@tidemark/core")).toBe(1);
    expect(importing("cli", "@tidemark/state-rocksdb")).toBe(1);
  });
  test("no package reaches into another's files", () => {
    const tree = { "packages/state-memory/src/a.ts": 'import "../../core/src/b.js";', [`${core}/b.ts`]: "" };
    expect(problemsOf(tree)).toEqual([expect.stringContaining("leaves its package")]);
  });
  test("circles are found, but not those of types only", () => {
    const importing = (from: string, to: string) => ({ [`${core}/api/${from}.ts`]: `import "./${to}.js";` });
    const circle = { ...importing("a", "b"), ...importing("b", "c"), ...importing("c", "a") };
    expect(problemsOf(circle)).toEqual([`import circle: ${["a", "b", "c", "a"].map((name) => `${core}/api/${name}.ts`).join(" -> ")}`]);
    expect(problemsOf({ ...circle, [`${core}/api/c.ts`]: 'import type { A } from "./a.js";' })).toEqual([]);
  });
});

describe("file rules", () => {
  const problems = (path: string, text: string) => fileProblems({ path, text });
  const banned = ["src/utils.ts", "src/string-utils.ts", "src/helper/a.ts", "src/common/a.ts", "a/state-manager.ts"];
  test.each(banned)("the name %s is refused", (path) => {
    expect(problems(path, "")).toHaveLength(1);
  });
  test("names that only contain such a word are fine", () => {
    expect(problems("src/uncommon-commons.ts", "")).toEqual([]);
  });
  test("long lines and files", () => {
    expect(problems("a.ts", "x".repeat(140))).toEqual([]);
    expect(problems("a.ts", "x".repeat(141))).toHaveLength(1);
    expect(problems("a.md", "x".repeat(500))).toEqual([]);
    expect(problems("a.cc", "\n".repeat(400))).toEqual([]);
    expect(problems("a.cc", "\n".repeat(402))).toHaveLength(1);
    expect(problems("a.cc", `// One file, because the parts share the handle table.\n${"\n".repeat(450)}`)).toEqual([]);
    expect(problems("a.cc", `// One file, because the parts share the handle table.\n${"\n".repeat(650)}`)).toHaveLength(1);
  });
  test("banned words and paths of one machine", () => {
    expect(problems("a.md", ["a ", "DO: later"].join("TO"))).toHaveLength(1);
    expect(problems("a.md", "mastodon, TO-DO")).toEqual([]);
    expect(problems("a.ts", ["const path = \"/", "/x\";"].join("root"))).toHaveLength(1);
    expect(problems("a.md", ["see (/", "/someone/x)"].join("home"))).toHaveLength(1);
    expect(problems("a.md", `[shape](${["..", "work", "shape.md"].join("/")}) and ${["network", "root", "x"].join("/")}`)).toEqual([]);
  });
  test("clock, randomness and files only in what wraps them", () => {
    for (const line of ["const t = Date.now();", "setTimeout(f, 1);", "Math.random();", 'import { x } from "node:fs";']) {
      expect(problems(`${core}/runtime/a.ts`, line)).toHaveLength(1);
      expect(problems(`${core}/runtime/a.test.ts`, line)).toEqual([]);
      expect(problems(`${core}/runtime/a.ts`, `// ${line}\n/** ${line} */`)).toEqual([]);
    }
    expect(problems(`${core}/time/clock.ts`, "Date.now()")).toEqual([]);
    expect(problems(`${core}/time/clock.ts`, 'import x from "fs";')).toHaveLength(1);
    expect(problems(`${core}/storage/node-file-system.ts`, 'import * as fs from "node:fs/promises";')).toEqual([]);
  });
});

describe("dead files", () => {
  test("a file that only its test imports is dead; entries, and what they lead to, are not", () => {
    const tree = files({
      "packages/p/package.json": '{ "exports": { ".": { "tidemark-source": "./src/index.ts" } }, "bin": { "x": "build/cli.mjs" } }',
      "packages/p/src/index.ts": 'export * from "./used.js";',
      "packages/p/src/used.ts": 'new Worker(new URL("./worker.ts", import.meta.url));',
      "packages/p/src/worker.ts": "",
      "packages/p/src/dead.ts": "",
      "packages/p/src/dead.test.ts": 'import "./dead.js";',
      "packages/p/build/cli.mjs": "",
    });
    const problems = deadFiles(tree, importsOf(tree.filter(({ path }) => !path.endsWith(".json"))));
    expect(problems).toEqual([expect.stringContaining("packages/p/src/dead.ts")]);
  });
});

describe("documents", () => {
  test("links", () => {
    const text = "[a](there.md) [b](gone.md#x) [c](https://x.y) [d](#here) `[e](code.md)`\n```\n[f](block.md)\n```\n![g](../top.svg)";
    const exists = (path: string): boolean => ["docs/there.md", "top.svg"].includes(path);
    expect(linkProblems([{ path: "docs/a.md", text }], exists)).toEqual(["docs/a.md: the link to gone.md#x leads nowhere"]);
  });
  test("the page of errors", () => {
    expect(errorDocumentProblems(undefined)).toHaveLength(1);
    const problems = errorDocumentProblems("| NO_SUCH_CODE | retry | never |\n| NO_SPACE | retry | wrong text |\n");
    expect(problems.filter((problem) => /NO_SUCH_CODE|lists? NO_SPACE /.test(problem))).toHaveLength(2);
  });
  test("the map of packages", () => {
    expect(architectureProblems("packages: state-memory/", ["state-memory"])).toEqual([]);
    expect(architectureProblems("packages: state-memory/", ["memory", "core"])).toHaveLength(2);
    expect(architectureProblems(undefined, [])).toHaveLength(1);
  });
  test("the lock file", () => {
    const packages = {
      "packages/a": {},
      "node_modules/b": { resolved: "https://x.y/b.tgz" },
      "node_modules/a": { resolved: "packages/a" },
    };
    expect(lockProblems(JSON.stringify({ packages }), ["packages/a", "packages/new"])).toHaveLength(2);
  });
  test("public functions and classes without a docstring", () => {
    const tree = files({
      "p/index.ts": 'export { good, bad } from "./a.js";\nexport * from "./b.js";\nexport function here() {}',
      "p/a.ts": "/** Says. */\nexport function good() {}\nexport function bad() {}\nexport function hidden() {}",
      "p/b.ts": "export class Bad {}\n/** One text. */\nexport function over(a: string): void;\nexport function over(a: unknown): void {}",
    });
    const problems = docstringProblems(tree, importsOf(tree), ["p/index.ts"]);
    expect(problems.map((problem) => /: (\w+) is/.exec(problem)?.[1])).toEqual(["bad", "Bad", "here"]);
  });
});
