import { posix } from "node:path";
import { errorCodes } from "../../packages/core/src/errors/codes.js";
import type { SourceFile } from "./source-tree.js";

/** Relative links in Markdown files that lead nowhere. `exists` is asked for paths relative to the repository. */
export function linkProblems(files: readonly SourceFile[], exists: (path: string) => boolean): string[] {
  return files.filter((file) => file.path.endsWith(".md")).flatMap(({ path, text }) => {
    // Code blocks may hold text that only looks like a link.
    const prose = text.replaceAll(/```[^]*?```/g, "").replaceAll(/`[^`\n]*`/g, "");
    return [...prose.matchAll(/\]\(<?([^)>\s]+)>?(?:\s+"[^"]*")?\)/g)]
      .map((match) => match[1] ?? "")
      .filter((target) => !/^([a-z]+:|#|\/\/)/i.test(target))
      .filter((target) => !exists(posix.join(posix.dirname(path), decodeURI(target.replace(/[#?].*$/, "")))))
      .map((target) => `${path}: the link to ${target} leads nowhere`);
  });
}

/** What docs/errors.md should be: a table of every code, written by `node scripts/errors-doc.mjs`. */
export function errorDocumentProblems(document: string | undefined): string[] {
  if (document === undefined) return ["docs/errors.md is missing; run: node scripts/errors-doc.mjs"];
  const matches = document.matchAll(/^\| `?([A-Z][A-Z0-9_]+)`? \| `?([a-z-]+)`? \| (.*) \|$/gm);
  const rows = new Map([...matches].map((row) => [row[1] ?? "", `${row[2]} ${row[3]}`]));
  const advice = "run: node scripts/errors-doc.mjs";
  const problems: string[] = [];
  for (const [code, { kind, when }] of Object.entries(errorCodes)) {
    if (rows.get(code) !== `${kind} ${when}`) problems.push(`docs/errors.md does not list ${code} as it is; ${advice}`);
    rows.delete(code);
  }
  for (const code of rows.keys()) problems.push(`docs/errors.md lists ${code}, which is no code; ${advice}`);
  return problems;
}

/** Package folders that ARCHITECTURE.md does not name. */
export function architectureProblems(document: string | undefined, packages: readonly string[]): string[] {
  if (document === undefined) return ["ARCHITECTURE.md is missing"];
  return packages
    .filter((name) => !new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(document))
    .map((name) => `ARCHITECTURE.md does not name packages/${name}`);
}

/** A lock file must not tell where its writer downloaded from, and must know every workspace. */
export function lockProblems(lock: string, workspaces: readonly string[]): string[] {
  const packages = (JSON.parse(lock) as { packages: Record<string, { resolved?: string }> }).packages;
  const hosts = Object.entries(packages).filter(([, entry]) => /^[a-z+]+:/i.test(entry.resolved ?? ""));
  return [
    ...hosts.map(([path]) => `package-lock.json: ${path} has a "resolved" host; keep omit-lockfile-registry-resolved in .npmrc`),
    ...workspaces.filter((path) => packages[path] === undefined).map((path) => `package-lock.json does not know ${path}; run: npm install`),
  ];
}
