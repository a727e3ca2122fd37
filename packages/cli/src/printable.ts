/**
 * Characters that a terminal obeys instead of showing, or that reorder or hide text: controls with ESC and the C1 set, line and
 * paragraph separators, marks of direction and zero width, private use, halves of surrogate pairs.
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu;

/** Text that is safe on one line of a terminal, whatever a manifest says: unsafe characters become escapes such as \u{1b}. */
export function printable(text: string): string {
  return text.replaceAll(unsafe, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** `printable`, cut to a number of characters. */
export function clipped(text: string, charactersMax: number): string {
  const characters = [...printable(text)];
  return characters.length <= charactersMax ? characters.join("") : `${characters.slice(0, charactersMax - 3).join("")}...`;
}

/** JSON of the same value in which no string holds an unsafe character as it is; ends with a line end. */
export function printableJson(value: unknown): string {
  // JSON.stringify escapes C0 controls; raw line ends are its own indentation.
  const escaped = (JSON.stringify(value, null, 2) ?? "null").replaceAll(unsafe, (character) =>
    character === "\n" ? character : character.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
  );
  return `${escaped}\n`;
}
