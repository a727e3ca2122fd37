import { isStateError, StateError, type ErrorCode } from "../../errors/index.js";

const longestQuoteChars = 40;

/** A short text of any value for an error message. Never throws and never runs the value's own code. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case "string":
      if (value.length <= longestQuoteChars) return JSON.stringify(value);
      return `${JSON.stringify(value.slice(0, longestQuoteChars))}... (${value.length} characters)`;
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      return value >= -(2n ** 64n) && value <= 2n ** 64n ? `${value}n` : "a bigint of more than 64 bits";
    case "undefined":
    case "boolean":
      return String(value);
    case "symbol":
      return "a symbol";
    case "function":
      return "a function";
    default:
      return value === null ? "null" : describeObject(value as object);
  }
}

function describeObject(value: object): string {
  try {
    if (Array.isArray(value)) return `an array of ${value.length}`;
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === null) return "an object without a prototype";
    if (prototype === Object.prototype) return "an object";
    const maker: unknown = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
    return typeof maker === "function" && maker.name !== "" ? `an instance of ${maker.name}` : "an instance of a class";
  } catch {
    return "an object that cannot be inspected";
  }
}

/** Throws VALUE_NOT_SERIALIZABLE: `expected` is a noun phrase, `advice` what to do instead. */
export function refuseValue(value: unknown, expected: string, advice?: string): never {
  throw refusal("VALUE_NOT_SERIALIZABLE", "", reasonOf(value, expected, advice));
}

/** Throws KEY_TYPE. */
export function refuseKey(value: unknown, expected: string, advice?: string): never {
  throw refusal("KEY_TYPE", "", reasonOf(value, expected, advice));
}

function reasonOf(value: unknown, expected: string, advice: string | undefined): string {
  return `expected ${expected}, got ${describeValue(value)}${advice === undefined ? "" : `; ${advice}`}`;
}

function refusal(code: ErrorCode, path: string, reason: string, cause?: unknown): StateError {
  const what = code === "KEY_TYPE" ? "key" : "value";
  const where = path === "" ? "" : ` at ${path}`;
  const verb = code === "KEY_TYPE" ? "is not of its declared type" : "cannot be stored without changing it";
  return new StateError(code, `${what}${where} ${verb}: ${reason}`, { cause, details: { path, reason } });
}

/**
 * The same refusal, one level further out: `segment` is the field name or index under which the inner value was.
 * Errors that are no refusals come back as they are.
 */
export function locateRefusal(error: unknown, segment: string | number): unknown {
  if (!isStateError(error) || (error.code !== "VALUE_NOT_SERIALIZABLE" && error.code !== "KEY_TYPE")) return error;
  const { path, reason } = error.details as { path?: string; reason?: string };
  const inner = path ?? "";
  const own = typeof segment === "number" ? `[${segment}]` : /^[A-Za-z_$][\w$]*$/.test(segment) ? segment : `[${quoteSegment(segment)}]`;
  const joined = inner === "" || inner.startsWith("[") ? own + inner : `${own}.${inner}`;
  return refusal(error.code, joined, reason ?? error.message, error.cause);
}

function quoteSegment(segment: string): string {
  return JSON.stringify(segment.length > longestQuoteChars ? `${segment.slice(0, longestQuoteChars)}...` : segment);
}

/** A refusal by the user's own `write`, which threw something that is no StateError. */
export function refusalByUser(type: string, cause: unknown): StateError {
  const message = cause instanceof Error ? cause.message : describeValue(cause);
  return refusal("VALUE_NOT_SERIALIZABLE", "", `the write function of serializer ${JSON.stringify(type)} threw: ${message}`, cause);
}

/** Throws STATE_CORRUPT for bytes that no serializer of ours wrote. */
export function corrupt(what: string, position: number): never {
  throw new StateError("STATE_CORRUPT", `${what} before position ${position} of the stored bytes; restore from another checkpoint`);
}
