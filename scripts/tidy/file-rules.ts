import type { SourceFile } from "./source-tree.js";
import { isScript, isTest } from "./source-tree.js";

const limits = { lineCharacters: 140, lines: 600, linesWithoutReason: 400 };
const bannedNames = /(^|[-/.])(utils?|helpers?|common|managers?|misc)(?=[-/.]|$)/;
// Spelled so that this file does not break its own rule.
const bannedWords = /\b(T[O]DO|F[I]XME|X[X]X)\b/;
const machineRoots = ["work", "root", "home/[a-z]+", "Users/[A-Za-z]+"].join("|");
const machinePaths = new RegExp(`(^|[\\s"'\`(=:])/(${machineRoots})/|\\.\\./shared/`);

const notOurText = /(package-lock\.json|Cargo\.lock|LICENSE|THIRD-PARTY-NOTICES\.md)$/;
const codeFiles = /\.(ts|mjs|cjs|js|cc|h)$/;

/** Where the real clock, randomness and files may be used; all other product code gets them passed in. */
const clock = /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bset(Timeout|Interval)\(/;
const wrappers = [
  { pattern: clock, what: "the clock", where: /^packages\/core\/src\/time\// },
  { pattern: /\bMath\.random\(/, what: "Math.random", where: /^packages\/core\/src\/time\// },
  { pattern: /from "(node:)?fs(\/promises)?"/, what: "node:fs", where: /^packages\/core\/src\/storage\/node-[^/]*\.ts$/ },
];
/** Programs and loaders that are the outermost layer themselves. */
const outermost = /^packages\/(cli\/src\/|rocksdb\/src\/native\.ts$)/;

/** What is wrong with a file taken by itself, as sentences. */
export function fileProblems(file: SourceFile): string[] {
  if (notOurText.test(file.path)) return [];
  return [...nameProblems(file), ...sizeProblems(file), ...wordProblems(file), ...wrapperProblems(file)];
}

function nameProblems({ path }: SourceFile): string[] {
  return bannedNames.test(path) ? [`${path}: the name does not say what is inside (utils, helpers, common, manager, misc)`] : [];
}

function sizeProblems({ path, text }: SourceFile): string[] {
  if (!codeFiles.test(path)) return [];
  const lines = text.replace(/\n$/, "").split("\n");
  const problems = lines.flatMap((line, index) =>
    [...line].length > limits.lineCharacters ? [`${path}:${index + 1}: longer than ${limits.lineCharacters} characters`] : [],
  );
  if (lines.length > limits.lines) problems.push(`${path}: ${lines.length} lines, more than ${limits.lines}`);
  else if (lines.length > limits.linesWithoutReason && !saysWhyLong(lines)) {
    problems.push(`${path}: ${lines.length} lines; past ${limits.linesWithoutReason} a comment at its head says why it is one file`);
  }
  return problems;
}

function saysWhyLong(lines: readonly string[]): boolean {
  const head = lines.slice(0, 40).filter((line) => /^\s*(\/\/|\/?\*)/.test(line)).join(" ");
  return /\b(one file|long|lines|kept together|in one place)\b/i.test(head);
}

function wordProblems({ path, text }: SourceFile): string[] {
  return text.split("\n").flatMap((line, index) => {
    const problems: string[] = [];
    const word = bannedWords.exec(line)?.[0];
    if (word !== undefined) problems.push(`${path}:${index + 1}: ${word}`);
    if (machinePaths.test(line)) problems.push(`${path}:${index + 1}: names a path of one machine`);
    return problems;
  });
}

function wrapperProblems({ path, text }: SourceFile): string[] {
  if (!/^packages\/[^/]+\/src\//.test(path) || !isScript(path) || isTest(path) || outermost.test(path)) return [];
  return withoutComments(text).flatMap((line, index) =>
    wrappers
      .filter(({ pattern, where }) => pattern.test(line) && !where.test(path))
      .map(({ what }) => `${path}:${index + 1}: uses ${what} itself; it is passed in everywhere but in the module that wraps it`),
  );
}

/** Lines with comments blanked, so that an example in a docstring is no violation. */
function withoutComments(text: string): string[] {
  const blanked = text.replaceAll(/\/\*[^]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, " "));
  return blanked.split("\n").map((line) => line.replace(/(^|\s)\/\/.*$/, ""));
}
