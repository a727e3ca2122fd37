import { StateError } from "../errors/index.js";

const safeName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/**
 * True for a base name that stays inside its directory on every platform: 1 to 128 letters, digits, dots, underscores and hyphens,
 * the first a letter or digit. So no "..", no hidden or temporary file, no separator.
 */
export function isSafeName(name: unknown): name is string {
  return typeof name === "string" && safeName.test(name);
}

/** Throws CHECKPOINT_UNSAFE_NAME unless `name` may be used in a checkpoint directory; `where` says who asked for it. */
export function requireSafeName(name: unknown, where: string): string {
  if (!isSafeName(name)) {
    throw new StateError(
      "CHECKPOINT_UNSAFE_NAME",
      `${where}: ${JSON.stringify(name)} is not a file name that a checkpoint may use; allowed are 1 to 128 letters, digits and ._- ` +
        "after a leading letter or digit",
      { details: { name } },
    );
  }
  return name;
}

/** 42 -> "chk-000042". */
export function checkpointDirectoryName(id: number): string {
  return `chk-${String(id).padStart(6, "0")}`;
}

/** "chk-000042" -> 42; undefined for any other name. */
export function checkpointIdOf(directoryName: string): number | undefined {
  return parseNumbered(directoryName, /^chk-(\d{6,16})$/, checkpointDirectoryName);
}

/** 57 -> "000057.json". */
export function slotFileName(slot: number): string {
  return `${String(slot).padStart(6, "0")}.json`;
}

/** "000057.json" -> 57; undefined for any other name. */
export function slotOf(fileName: string): number | undefined {
  return parseNumbered(fileName, /^(\d{6,16})\.json$/, slotFileName);
}

/** Temporary files start with a dot, which no safe name does, and say which generation wrote them. */
export function temporaryName(generation: number, nonce: string, finalName: string): string {
  return `.tmp-${generation}-${nonce}-${finalName}`;
}

/** The generation in a temporary name; undefined for a name of another kind. Generation 0 writes before it has won a fence. */
export function temporaryGenerationOf(name: string): number | undefined {
  const match = /^\.tmp-(\d{1,16})-/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** Only the one canonical spelling of a number counts, so that two names never mean the same. */
function parseNumbered(name: string, pattern: RegExp, format: (value: number) => string): number | undefined {
  const match = pattern.exec(name);
  const value = Number(match?.[1]);
  return match !== null && Number.isSafeInteger(value) && value > 0 && format(value) === name ? value : undefined;
}
