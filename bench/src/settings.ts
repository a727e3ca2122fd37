import type { Parameters } from "./row.js";

/** The name=value arguments of a measuring process. */
export class Settings {
  readonly #values: ReadonlyMap<string, string>;

  private constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  /** Throws when an argument is not name=value. */
  static parse(args: readonly string[]): Settings {
    return new Settings(
      new Map(
        args.map((text): [string, string] => {
          const equals = text.indexOf("=");
          if (equals < 1) throw new Error(`not name=value: ${text}`);
          return [text.slice(0, equals), text.slice(equals + 1)];
        }),
      ),
    );
  }

  static of(parameters: Parameters): Settings {
    return Settings.parse(settingArguments(parameters));
  }

  /** Throws when it is missing. */
  text(name: string): string {
    const value = this.#values.get(name);
    if (value === undefined) throw new Error(`missing argument: ${name}`);
    return value;
  }

  /** A whole number, 0 or more. Throws when it is missing or something else. */
  number(name: string): number {
    const text = this.text(name);
    if (/^\d+$/u.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
    throw new Error(`${name} is not a whole number: ${text}`);
  }
}

/** Settings the way a measuring process takes them. */
export function settingArguments(parameters: Parameters): string[] {
  return Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
}
