import type { ByteReader, ByteWriter } from "./bytes.js";

/**
 * What a serializer stores about itself beside the state, so that a later version of the job can tell whether it
 * reads the old bytes. Plain JSON, bounded in depth and size when read back.
 */
export interface SerializerSnapshot {
  readonly type: string;
  readonly [property: string]: unknown;
}

/**
 * Turns values of a state into bytes and back. A value comes back equal or is refused with VALUE_NOT_SERIALIZABLE;
 * it is never changed silently. Serializers have no state between calls and may be shared by any number of states.
 */
export interface TypeSerializer<T> {
  /**
   * Appends the encoding of `value`, at least one byte. May leave partial bytes behind when it throws; the caller
   * resets the writer. Throws VALUE_NOT_SERIALIZABLE (the message and `details.path` say where) or VALUE_TOO_LARGE.
   */
  write(value: T, out: ByteWriter): void;
  /**
   * Reads one value and leaves the reader right behind it. The result shares no memory with the reader's bytes.
   * Throws STATE_CORRUPT on bytes that cannot be one.
   */
  read(input: ByteReader): T;
  /**
   * The schema of what `write` produces. Equal snapshots mean equal encodings; `resolveCompatibility` tells what can
   * be done about different ones.
   */
  snapshot(): SerializerSnapshot;
  /** True where values live well in flat memory: compact bytes, cheap to decode on every access. */
  readonly isCompiled: boolean;
  /** Encoded size in bytes where every value has the same. */
  readonly fixedSizeBytes?: number;
  /** What a built-in serializer is made of. Absent for those without parts. */
  readonly structure?: SerializerStructure;
  /** What `withDefault` and `aliased` say about a field of a struct. They change nothing about the bytes. */
  readonly field?: FieldDeclaration<T>;
}

/**
 * Turns keys into bytes whose memcmp order is the order of the keys, such that no encoding is a prefix of another
 * and no two different keys share one (-0 equals 0; NaN is refused). Wrong types throw KEY_TYPE.
 */
export interface KeySerializer<K> {
  /** Appends the encoding of `key`. Throws KEY_TYPE, or KEY_TOO_LARGE where the writer was made for keys. */
  writeKey(key: K, out: ByteWriter): void;
  /** Reads one key and leaves the reader right behind it. Throws STATE_CORRUPT on bytes that cannot be one. */
  readKey(input: ByteReader): K;
  /** Key serializers may not change between a checkpoint and its restore: snapshots must be equal (`sameSnapshot`). */
  keySnapshot(): SerializerSnapshot;
  /** Encoded size in bytes where every key has the same: lets stores give each key a place of that size. */
  readonly fixedKeyBytes?: number;
}

/** The parts of a built-in serializer, for whoever walks over a type: migrations, tools that print a schema. */
export type SerializerStructure =
  | { readonly kind: "array"; readonly of: TypeSerializer<unknown> }
  | { readonly kind: "optional"; readonly of: TypeSerializer<unknown> }
  | { readonly kind: "nullable"; readonly of: TypeSerializer<unknown> }
  | { readonly kind: "map"; readonly key: TypeSerializer<unknown>; readonly value: TypeSerializer<unknown> }
  | { readonly kind: "tuple"; readonly elements: readonly TypeSerializer<unknown>[] }
  | { readonly kind: "enumeration"; readonly values: readonly EnumerationValue[] }
  | { readonly kind: "struct"; readonly fields: readonly StructField[] }
  | { readonly kind: "variant"; readonly tag: string; readonly cases: readonly StructField[] }
  | { readonly kind: "custom"; isCompatible(storedVersion: number): boolean; readVersion(input: ByteReader, version: number): unknown };

/** What an enumeration may consist of. */
export type EnumerationValue = string | number | boolean | null;

/** A named part: a field of a struct, or a case of a variant with the serializer of the whole case. */
export interface StructField {
  readonly name: string;
  readonly serializer: TypeSerializer<unknown>;
}

export interface FieldDeclaration<T> {
  /** Names the field had in earlier versions of the job. */
  readonly aliases: readonly string[];
  /** A new copy of the value for state stored before the field existed. */
  readonly makeDefault?: () => T;
}

/** The type of the values of a serializer: `InferType<typeof visits>`. */
export type InferType<S> = S extends TypeSerializer<infer T> ? T : never;

/** The type of the keys of a key serializer. */
export type InferKey<S> = S extends KeySerializer<infer K> ? K : never;
