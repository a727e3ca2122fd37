import type { Import } from "./imports.js";
import { parse } from "./imports.js";
import type { SourceFile } from "./source-tree.js";

interface Declaration {
  readonly type: string;
  readonly start: number;
  readonly id?: { readonly name?: string } | null;
}

interface Statement {
  readonly type: string;
  readonly start: number;
  readonly declaration?: Declaration | null;
  readonly specifiers?: readonly { readonly local?: { readonly name?: string } }[];
  readonly source?: { readonly value?: unknown } | null;
}

/**
 * Functions and classes that a package's entry (an index.ts that its package.json names) exports without a docstring.
 * Only re-exports by name or with `*` are followed, one level: that is how entries are written here.
 */
export function docstringProblems(files: readonly SourceFile[], imports: readonly Import[], entries: readonly string[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  return entries.flatMap((entry) => {
    const index = byPath.get(entry);
    if (index === undefined) return [];
    return statements(index).flatMap((statement) => {
      const specifier = statement.source?.value;
      if (typeof specifier !== "string") return undocumented(index, [statement], undefined);
      if (!statement.type.startsWith("Export")) return [];
      const target = imports.find((entry) => entry.from === index.path && entry.specifier === specifier)?.to;
      const file = target === undefined ? undefined : byPath.get(target);
      if (file === undefined) return [];
      const names = statement.type === "ExportAllDeclaration" ? undefined : statement.specifiers?.map(({ local }) => local?.name ?? "");
      return undocumented(file, statements(file), names);
    });
  });
}

function undocumented(file: SourceFile, among: readonly Statement[], names: readonly string[] | undefined): string[] {
  const seen = new Set<string>();
  return among.flatMap(({ type, start, declaration }) => {
    const name = declaration?.id?.name;
    if (type !== "ExportNamedDeclaration" || name === undefined || (names !== undefined && !names.includes(name))) return [];
    if (!/^(TSDeclareFunction|FunctionDeclaration|ClassDeclaration)$/.test(declaration?.type ?? "")) return [];
    // Of overloads, the first carries the text.
    if (seen.has(name)) return [];
    seen.add(name);
    return file.text.slice(0, start).trimEnd().endsWith("*/") ? [] : [`${file.path}: ${name} is public and has no docstring`];
  });
}

function statements(file: SourceFile): Statement[] {
  return parse(file) as unknown as Statement[];
}
