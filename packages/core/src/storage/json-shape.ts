import { StateError, type ErrorCode } from "../errors/index.js";
import type { Json } from "./manifest.js";

/** Deepest nesting of a connector's or backend's own JSON. */
export const jsonDepthLimit = 64;

/**
 * Hand-written shape checks. Each takes a value and its JSON path ("$.operators[0].id") and either returns the value with its type
 * or throws the error code given at construction with a message that names the path.
 */
export class JsonShape {
  readonly #code: ErrorCode;
  readonly #source: string;

  /** `code` is CHECKPOINT_DAMAGED for stored bytes, INVALID_ARGUMENT for a caller's object; `source` names the document. */
  constructor(code: ErrorCode, source: string) {
    this.#code = code;
    this.#source = source;
  }

  fail(path: string, problem: string): never {
    throw new StateError(this.#code, `${this.#source}: ${path} ${problem}`, { details: { source: this.#source, path, reason: "shape" } });
  }

  /** A plain object with no keys but `keys`; those with a "?" at the end may be missing. */
  object(value: unknown, path: string, keys: readonly string[]): Readonly<Record<string, unknown>> {
    if (!isPlainObject(value)) {
      this.fail(path, `must be an object, not ${describe(value)}`);
    }
    for (const key of Object.keys(value)) {
      if (key.endsWith("?") || (!keys.includes(key) && !keys.includes(`${key}?`))) {
        this.fail(path, `has the unknown property ${describe(key)}`);
      }
    }
    for (const key of keys) {
      if (!key.endsWith("?") && value[key] === undefined) {
        this.fail(`${path}.${key}`, "is missing");
      }
    }
    return value;
  }

  array(value: unknown, path: string, maxLength: number): readonly unknown[] {
    if (!Array.isArray(value)) {
      this.fail(path, `must be an array, not ${describe(value)}`);
    }
    if (value.length > maxLength) {
      this.fail(path, `has ${value.length} elements, the limit is ${maxLength}`);
    }
    return value;
  }

  integer(value: unknown, path: string, minimum: number, maximum: number = Number.MAX_SAFE_INTEGER): number {
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < minimum || value > maximum) {
      this.fail(path, `must be a whole number from ${minimum} to ${maximum}, not ${describe(value)}`);
    }
    return value;
  }

  /** 1 to `maxLength` characters, none of them a control character. */
  text(value: unknown, path: string, maxLength: number): string {
    if (typeof value !== "string" || value === "" || value.length > maxLength || /[\p{Cc}\p{Cs}]/u.test(value)) {
      this.fail(path, `must be a text of 1 to ${maxLength} printable characters, not ${describe(value)}`);
    }
    return value;
  }

  sha256(value: unknown, path: string): string {
    if (typeof value !== "string" || !/^[0-9a-f]{64}$/.test(value)) {
      this.fail(path, `must be a SHA-256 of 64 lower-case hex digits, not ${describe(value)}`);
    }
    return value;
  }

  oneOf<T extends string>(value: unknown, path: string, choices: readonly T[]): T {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) {
      this.fail(path, `must be one of ${choices.map((choice) => JSON.stringify(choice)).join(", ")}, not ${describe(value)}`);
    }
    return found;
  }

  /** Any JSON that comes back from JSON.parse equal to what was written: no undefined, NaN, class instances or "__proto__". */
  json(value: unknown, path: string, depthLeft: number = jsonDepthLimit): Json {
    if (value === null || typeof value === "boolean" || typeof value === "string") {
      return value;
    }
    if (typeof value === "number") {
      return Number.isFinite(value) ? value : this.fail(path, `is ${value}, which JSON cannot hold`);
    }
    if (depthLeft === 0) {
      this.fail(path, `nests deeper than ${jsonDepthLimit} levels or contains itself`);
    }
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index += 1) {
        this.json(value[index], `${path}[${index}]`, depthLeft - 1);
      }
      return value;
    }
    if (!isPlainObject(value)) {
      this.fail(path, `must be JSON, not ${describe(value)}`);
    }
    for (const key of Object.keys(value)) {
      if (key === "__proto__") {
        this.fail(path, 'must not have the property "__proto__"');
      }
      this.json(value[key], `${path}.${key}`, depthLeft - 1);
    }
    return value as Json;
  }
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return false;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A value for a message: short, whatever it is. */
function describe(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  }
  if (Array.isArray(value)) {
    return "an array";
  }
  return typeof value === "object" && value !== null ? "an object" : typeof value === "function" ? "a function" : String(value);
}
