import type { ByteReader, ByteWriter } from "./bytes.js";
import { locateRefusal } from "./refusal.js";
import type { KeySerializer, TypeSerializer } from "./serializer.js";

/** A field of an object with the serializer of its values. */
export interface ObjectField {
  readonly name: string;
  readonly serializer: TypeSerializer<unknown>;
  /** True where the object may lack the field, which stores undefined. */
  readonly mayBeAbsent: boolean;
}

export type Refuse = (value: unknown, expected: string, advice?: string) => never;

/** Writes and reads the fields of plain objects, in the order of their declaration. */
export interface ObjectCodec {
  write(value: unknown, out: ByteWriter): void;
  read(input: ByteReader): Record<string, unknown>;
}

/** Which two methods of the fields' serializers are used, and how a wrong value is refused. */
export interface CodecPurpose {
  readonly write: "write" | "writeKey";
  readonly read: "read" | "readKey";
  readonly refuse: Refuse;
}

/** Throws the caller's refusal for a value that is no plain object with the declared fields and no others. */
function refuseShape(value: unknown, fields: readonly ObjectField[], refuse: Refuse): never {
  if (typeof value !== "object" || value === null) refuse(value, "an object");
  if (Object.getPrototypeOf(value) !== Object.prototype) {
    refuse(value, "a plain object", "its prototype would be lost, so store {...value} or use serializer() for the class");
  }
  const declared = new Set(fields.map((field) => field.name));
  for (const field of fields) {
    if (!field.mayBeAbsent && !(field.name in value)) {
      refuse(value, `an object with the field ${JSON.stringify(field.name)}`, "wrap it with optional() if it may be absent");
    }
  }
  for (const name in value) {
    if (!declared.has(name)) refuse(value, `an object without the field ${JSON.stringify(name)}`, "declare it or leave it out");
  }
  refuse(value, "a plain object whose fields are enumerable and its own");
}

/**
 * The codec as a loop over the fields: for types rebuilt from a checkpoint, of which nothing may become code, and
 * where the process forbids code from strings.
 */
export function loopCodec(fields: readonly ObjectField[], purpose: CodecPurpose): ObjectCodec {
  const { refuse } = purpose;
  const methods = fields.map(({ serializer }) => {
    const key = serializer as unknown as KeySerializer<unknown>;
    return purpose.write === "write"
      ? { write: (value: unknown, out: ByteWriter) => serializer.write(value, out), read: (input: ByteReader) => serializer.read(input) }
      : { write: (value: unknown, out: ByteWriter) => key.writeKey(value, out), read: (input: ByteReader) => key.readKey(input) };
  });
  return {
    write(value, out) {
      if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) {
        refuseShape(value, fields, refuse);
      }
      let count = 0;
      for (const _name in value) count++;
      for (const field of fields) if (!field.mayBeAbsent || field.name in value) count--;
      if (count !== 0) refuseShape(value, fields, refuse);
      for (let i = 0; i < fields.length; i++) {
        const { name } = fields[i] as ObjectField;
        try {
          (methods[i] as (typeof methods)[0]).write((value as Record<string, unknown>)[name], out);
        } catch (error) {
          throw locateRefusal(error, name);
        }
      }
    },
    read(input) {
      const value: Record<string, unknown> = {};
      for (let i = 0; i < fields.length; i++) value[(fields[i] as ObjectField).name] = (methods[i] as (typeof methods)[0]).read(input);
      return value;
    },
  };
}

/**
 * The codec as code made for these fields: each struct gets call sites and object shapes of its own, which is what
 * the optimising compiler needs (two numbers written and read, with several structs in use: 36 ns against 111 ns).
 * The text is made from the job's declaration only, and the one foreign thing in it, the names, are JSON strings.
 */
export function compiledCodec(fields: readonly ObjectField[], purpose: CodecPurpose): ObjectCodec {
  const quoted = fields.map((field) => JSON.stringify(field.name));
  const each = (text: (name: string, index: number) => string) => quoted.map(text).join("");
  const required = fields.filter((field) => !field.mayBeAbsent).length;
  const source = `"use strict";
const { getPrototypeOf } = Object, plain = Object.prototype;
${each((_, i) => `const s${i} = fields[${i}].serializer;\n`)}
return {
  write(value, out) {
    if (typeof value !== "object" || value === null || getPrototypeOf(value) !== plain) refuseShape(value, fields, refuse);
    let count = ${-required};
    for (const name in value) count++;
${each((name, i) => ((fields[i] as ObjectField).mayBeAbsent ? `    if (${name} in value) count--;\n` : ""))}
    if (count !== 0) refuseShape(value, fields, refuse);
    let at = 0;
    try {
${each((name, i) => `      at = ${i}; s${i}.${purpose.write}(value[${name}], out);\n`)}
    } catch (error) {
      throw locateRefusal(error, fields[at].name);
    }
  },
  read(input) {
    return {
${each((name, i) => `      ${name}: s${i}.${purpose.read}(input),\n`)}
    };
  },
};`;
  let make: (...parts: unknown[]) => ObjectCodec;
  try {
    make = new Function("fields", "refuse", "refuseShape", "locateRefusal", source) as typeof make;
  } catch (error) {
    // node --disallow-code-generation-from-strings
    if (error instanceof EvalError) return loopCodec(fields, purpose);
    throw error;
  }
  return make(fields, purpose.refuse, refuseShape, locateRefusal);
}
