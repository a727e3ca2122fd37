import { corrupt, locateRefusal, refuseValue } from "./refusal.js";
import { maxNesting } from "./msgpack-format.js";
import type { TypeSerializer } from "./serializer.js";
import { readUtf8, utf8SizeBytes, writeUtf8 } from "./utf8.js";

/** Refuses what JSON would drop or change. */
function check(value: unknown, depth: number): void {
  switch (typeof value) {
    case "string":
    case "boolean":
      return;
    case "number":
      if (!Number.isFinite(value) || Object.is(value, -0)) refuseValue(value, "a finite number that is not -0", "use msgpack()");
      return;
    case "object":
      if (value === null) return;
      if (depth === maxNesting) refuseValue(value, `a value nested at most ${maxNesting} deep`, "it refers to itself or is a long chain");
      return checkObject(value, depth + 1);
    default:
      refuseValue(value, "JSON data", "use msgpack() for undefined and bigints; functions and symbols cannot be stored");
  }
}

function checkObject(value: object, depth: number): void {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value) && prototype === Array.prototype) return checkArray(value, depth);
  if (prototype !== Object.prototype) {
    refuseValue(value, "JSON data", "store a plain object, or use msgpack() for Date, Map, Set and bytes");
  }
  for (const name of Object.keys(value)) {
    const inner = (value as Record<string, unknown>)[name];
    if (name === "__proto__" || (name === "toJSON" && typeof inner === "function")) {
      refuseValue(value, `an object without the property ${name}`, "rename it");
    }
    try {
      check(inner, depth);
    } catch (error) {
      throw locateRefusal(error, name);
    }
  }
  if (Object.getOwnPropertySymbols(value).length > 0) refuseValue(value, "an object without symbols as names");
}

function checkArray(value: readonly unknown[], depth: number): void {
  for (let i = 0; i < value.length; i++) {
    try {
      check(value[i], depth);
    } catch (error) {
      throw locateRefusal(error, i);
    }
  }
}

const jsonSerializer: TypeSerializer<unknown> = {
  isCompiled: false,
  write(value, out) {
    check(value, 0);
    const text = JSON.stringify(value);
    const sizeBytes = utf8SizeBytes(text);
    out.ensure(sizeBytes + 4);
    out.u32(sizeBytes);
    writeUtf8(text, sizeBytes, out);
  },
  read(input) {
    const text = readUtf8(input, input.u32());
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return corrupt("text that is not JSON", input.position);
    }
  },
  snapshot: () => ({ type: "json" }),
};

/**
 * JSON text, for state that people read with other tools. Takes what JSON holds exactly (null, booleans, finite
 * numbers except -0, strings, arrays, plain objects, at most 100 deep) and refuses the rest.
 */
export function json<T = unknown>(): TypeSerializer<T> {
  return jsonSerializer as TypeSerializer<T>;
}
