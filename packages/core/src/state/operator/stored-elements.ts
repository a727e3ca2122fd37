import { StateError } from "../../errors/index.js";
import {
  ByteReader,
  ByteWriter,
  resolveCompatibility,
  sameSnapshot,
  type SerializerSnapshot,
  type TypeSerializer,
} from "../serializers/index.js";
import { ValueCodec } from "../bytes/value-codec.js";
import type { Redistribution } from "./operator-state-description.js";
import { schemasMax } from "./operator-state-description.js";

/** Stored bytes of a value, `schema version (1) | payload`, and the value they were made from, if that is known. */
export interface Element<T> {
  readonly bytes: Uint8Array;
  /** The encoded map key; broadcast state only. */
  readonly key?: Uint8Array;
  readonly value?: T;
}

/** What is known of a state before the job declares it: restored, or given up by a job that no longer declares it. */
export interface StoredElements {
  readonly name: string;
  readonly redistribution: Redistribution;
  readonly key?: SerializerSnapshot;
  readonly schemas: readonly SerializerSnapshot[];
  readonly elements: readonly Element<unknown>[];
}

/**
 * The schemas of stored elements with that of the declared serializer behind them, unless it is the last already. Throws
 * STATE_INCOMPATIBLE when one of them cannot be read.
 */
export function schemasWith(
  stored: Pick<StoredElements, "name" | "schemas">,
  serializer: TypeSerializer<unknown>,
): readonly SerializerSnapshot[] {
  for (const schema of stored.schemas) {
    const found = resolveCompatibility(schema, serializer);
    if (found.kind === "incompatible") {
      const field = found.path === "" ? "its values are" : `its field ${found.path} is`;
      throw incompatible(stored.name, `${field} stored as ${show(found.stored)} and declared as ${show(found.current)}: ${found.reason}`);
    }
  }
  const current = serializer.snapshot();
  if (sameSnapshot(stored.schemas.at(-1), current)) return stored.schemas;
  if (stored.schemas.length === schemasMax) throw incompatible(stored.name, `it has had ${schemasMax} schemas already`);
  return [...stored.schemas, current];
}

export function incompatible(state: string, difference: string): StateError {
  const message = `operator state "${state}" does not fit: ${difference}; give the new state another name or restore the old type`;
  return new StateError("STATE_INCOMPATIBLE", message, { details: { state } });
}

export function show(snapshot: SerializerSnapshot | undefined): string {
  return snapshot === undefined ? "nothing" : JSON.stringify(snapshot).slice(0, 200);
}

/** Makes elements out of values and back. */
export class ElementCodec<T> {
  readonly #codec: ValueCodec<T>;
  readonly #reader = new ByteReader();

  constructor(serializer: TypeSerializer<T>, schemas: readonly SerializerSnapshot[]) {
    this.#codec = new ValueCodec(serializer, schemas);
  }

  /** Throws VALUE_NOT_SERIALIZABLE, VALUE_TOO_LARGE. */
  encode(value: T, key?: Uint8Array): Element<T> {
    const bytes = this.#codec.encode(value).copy();
    return key === undefined ? { bytes, value } : { bytes, value, key };
  }

  /** The same element with its value. Throws STATE_CORRUPT. */
  decoded(element: Element<unknown>): Element<T> {
    this.#reader.reset(element.bytes);
    return { ...element, value: this.#codec.decode(this.#reader) };
  }
}

/** The encoding of a map key, as bytes of its own. */
export function encodedKey(write: (out: ByteWriter) => void, maxBytes: number): Uint8Array {
  const out = new ByteWriter({ maxBytes, tooLargeCode: "KEY_TOO_LARGE" });
  write(out);
  return out.copy();
}
