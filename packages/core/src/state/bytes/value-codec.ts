import { StateError } from "../../errors/index.js";
import { ByteReader, ByteWriter, resolveCompatibility, type SerializerSnapshot, type TypeSerializer } from "../serializers/index.js";

/**
 * Stored values: `schema version (1) | payload`. The version is an index into the schemas that the state was ever written with;
 * values of older ones are migrated when they are read.
 */
export class ValueCodec<T> {
  readonly #serializer: TypeSerializer<T>;
  readonly #writer: ByteWriter;
  readonly #schemas: readonly SerializerSnapshot[];
  readonly #version: number;
  /** How to read values of each older schema, found out at the first one. */
  readonly #readers: ((input: ByteReader) => T)[] = [];

  /** `schemas`: oldest first, the serializer's own last. */
  constructor(serializer: TypeSerializer<T>, schemas: readonly SerializerSnapshot[] = [serializer.snapshot()], maxValueBytes?: number) {
    this.#serializer = serializer;
    this.#schemas = schemas;
    this.#version = schemas.length - 1;
    this.#writer = new ByteWriter(maxValueBytes === undefined ? {} : { maxBytes: maxValueBytes });
  }

  /** The stored bytes of a value, in a writer that holds until the next call. Throws VALUE_NOT_SERIALIZABLE, VALUE_TOO_LARGE. */
  encode(value: T): ByteWriter {
    const writer = this.#writer;
    writer.reset();
    writer.u8(this.#version);
    this.#serializer.write(value, writer);
    return writer;
  }

  /** Reads one value that fills the input. Throws STATE_CORRUPT. */
  decode(input: ByteReader): T {
    const version = input.u8();
    const value = version === this.#version ? this.#serializer.read(input) : this.#readerOf(version)(input);
    input.expectEnd();
    return value;
  }

  #readerOf(version: number): (input: ByteReader) => T {
    const known = this.#readers[version];
    if (known !== undefined) return known;
    const schema = this.#schemas[version];
    if (schema === undefined)
      throw new StateError("STATE_CORRUPT", `a stored value has schema version ${version}, which this state never had`);
    const found = resolveCompatibility(schema, this.#serializer);
    if (found.kind === "incompatible")
      throw new StateError("INTERNAL", "an incompatible schema was not refused when the state was declared");
    const reader = found.kind === "as-is" ? (input: ByteReader) => this.#serializer.read(input) : (input: ByteReader) => found.read(input);
    this.#readers[version] = reader;
    return reader;
  }
}

/**
 * Stored lists: elements one after the other, each `length (varint) | schema version (1) | payload`, so that appending needs no
 * reading and elements of different schemas stand side by side.
 */
export class ListCodec<T> {
  readonly #elements: ValueCodec<T>;
  readonly #writer: ByteWriter;
  readonly #element = new ByteReader();

  constructor(elements: ValueCodec<T>, maxListBytes?: number) {
    this.#elements = elements;
    this.#writer = new ByteWriter(maxListBytes === undefined ? {} : { maxBytes: maxListBytes });
  }

  /** The stored bytes of some elements, in a writer that holds until the next call. */
  encode(elements: Iterable<T>): ByteWriter {
    const writer = this.#writer;
    writer.reset();
    for (const element of elements) {
      const encoded = this.#elements.encode(element);
      writer.varint(encoded.length);
      writer.raw(encoded.bytes, 0, encoded.length);
    }
    return writer;
  }

  /** Reads a list that fills the input. Throws STATE_CORRUPT. */
  decode(input: ByteReader): T[] {
    const elements: T[] = [];
    while (input.remaining > 0) {
      const length = input.varint();
      input.need(length);
      this.#element.reset(input.bytes, input.position, input.position + length);
      elements.push(this.#elements.decode(this.#element));
      input.skip(length);
    }
    return elements;
  }
}
