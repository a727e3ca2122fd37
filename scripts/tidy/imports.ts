import { posix } from "node:path";
import { parseAst } from "rolldown/parseAst";
import type { SourceFile } from "./source-tree.js";

/** One import or re-export of a file. */
export interface Import {
  /** Path of the importing file. */
  readonly from: string;
  /** As written, such as "./plan.js" or "node:fs". */
  readonly specifier: string;
  /** Path of the imported file of this repository, or undefined for packages. */
  readonly to: string | undefined;
  /** Whether it is gone when the types are stripped. */
  readonly isTypeOnly: boolean;
}

interface Node {
  readonly type: string;
  readonly importKind?: string;
  readonly exportKind?: string;
  readonly source?: { readonly value?: unknown } | null;
  readonly specifiers?: readonly { readonly importKind?: string }[];
}

/** All static and dynamic imports and re-exports of the scripts among `files`, and `new URL("./x", import.meta.url)`. */
export function importsOf(files: readonly SourceFile[]): Import[] {
  const paths = new Set(files.map((file) => file.path));
  return files.flatMap((file) => {
    const statements = parse(file).flatMap((node): Import[] => {
      const specifier = node.source?.value;
      if (typeof specifier !== "string") return [];
      return [{ from: file.path, specifier, to: resolve(file.path, specifier, paths), isTypeOnly: isTypeOnly(node) }];
    });
    const inText = [...file.text.matchAll(/\b(?:import\(|require\(|new URL\()\s*"(\.{1,2}\/[^"]+)"/g)].map((match) => ({
      from: file.path,
      specifier: match[1] ?? "",
      to: resolve(file.path, match[1] ?? "", paths),
      isTypeOnly: false,
    }));
    return [...statements, ...inText];
  });
}

/** The top-level statements of a file. */
export function parse(file: SourceFile): Node[] {
  try {
    return parseAst(file.text, { lang: file.path.endsWith(".ts") ? "ts" : "js" }).body as unknown as Node[];
  } catch (error) {
    throw new Error(`${file.path} cannot be parsed`, { cause: error });
  }
}

function isTypeOnly(node: Node): boolean {
  if (node.importKind === "type" || node.exportKind === "type") return true;
  const specifiers = node.specifiers ?? [];
  return specifiers.length > 0 && specifiers.every((specifier) => specifier.importKind === "type");
}

/** Sources are imported by the name of what they compile to: "./plan.js" is plan.ts. */
function resolve(from: string, specifier: string, paths: ReadonlySet<string>): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const path = posix.join(posix.dirname(from), specifier);
  return [path.replace(/\.js$/, ".ts"), path, path.replace(/^(packages\/[^/]+)\/dist\/(.*)\.js$/, "$1/src/$2.ts")].find((candidate) =>
    paths.has(candidate),
  );
}
