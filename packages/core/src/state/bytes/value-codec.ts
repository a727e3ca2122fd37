import { StateError } from "../../errors/index.js";
import { type ByteReader, ByteWriter, resolveCompatibility, type SerializerSnapshot, type TypeSerializer } from "../serializers/index.js";

/**
 * Stored values: `schema version (1) | payload`. The version is an index into the schemas that the state was ever written with;
 * values of older ones are migrated when they are read.
 */
export class ValueCodec<T> {
  /** Size of all stored values, where it is always the same. */
  readonly fixedSizeBytes: number | undefined;
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
    this.fixedSizeBytes = serializer.fixedSizeBytes === undefined ? undefined : 1 + serializer.fixedSizeBytes;
    this.#writer = new ByteWriter(maxValueBytes === undefined ? {} : { maxBytes: maxValueBytes });
  }

  /** The stored bytes of a value, in a writer that holds until the next call. Throws VALUE_NOT_SERIALIZABLE, VALUE_TOO_LARGE. */
  encode(value: T): ByteWriter {
    const writer = this.#writer;
    writer.reset();
    this.write(value, writer);
    return writer;
  }

  /** Appends the stored bytes of a value. Throws as encode() does and may leave partial bytes then. */
  write(value: T, out: ByteWriter): void {
    out.u8(this.#version);
    this.#serializer.write(value, out);
  }

  /** The same of a value of fixed size, which takes 127 bytes at most, behind its size in a byte. */
  writeSized(value: T, out: ByteWriter): void {
    out.u16be(((this.fixedSizeBytes as number) << 8) | this.#version);
    this.#serializer.write(value, out);
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
  /** Whether all elements have one size that takes one byte. */
  readonly #areSized: boolean;
  readonly #writer: ByteWriter;

  constructor(elements: ValueCodec<T>, maxListBytes?: number) {
    this.#elements = elements;
    this.#areSized = (elements.fixedSizeBytes ?? Infinity) <= 0x7f;
    this.#writer = new ByteWriter(maxListBytes === undefined ? {} : { maxBytes: maxListBytes });
  }

  /** The stored bytes of some elements, in a writer that holds until the next call. */
  encode(elements: Iterable<T>): ByteWriter {
    const writer = this.#writer;
    writer.reset();
    for (const element of elements) this.#write(element, writer);
    return writer;
  }

  /** The same for a single element. */
  encodeOne(element: T): ByteWriter {
    const writer = this.#writer;
    writer.reset();
    this.#write(element, writer);
    return writer;
  }

  /** Reads a list that fills the input. Throws STATE_CORRUPT. */
  decode(input: ByteReader): T[] {
    const { end } = input;
    if (input.position === end) return [];
    // Begun with an element: an array that begins empty gets room for many at the first one.
    const elements = [this.#read(input, end)];
    while (input.position < end) elements.push(this.#read(input, end));
    return elements;
  }

  /** True where `isWanted` is true for an element of the list that fills the input. Throws STATE_CORRUPT. */
  some(input: ByteReader, isWanted: (element: T) => boolean): boolean {
    const { end } = input;
    while (input.position < end) if (isWanted(this.#read(input, end))) return true;
    return false;
  }

  #write(element: T, writer: ByteWriter): void {
    if (this.#areSized) return this.#elements.writeSized(element, writer);
    const start = writer.length;
    const fixedBytes = this.#elements.fixedSizeBytes;
    // The length comes first but is known last: most take one byte, others make the element move.
    if (fixedBytes === undefined) writer.u8(0);
    else writer.varint(fixedBytes);
    const contentStart = writer.length;
    this.#elements.write(element, writer);
    if (fixedBytes !== undefined) return;
    const length = writer.length - contentStart;
    if (length <= 0x7f) {
      writer.patchU8(start, length);
      return;
    }
    const headerBytes = varintBytes(length);
    writer.ensure(headerBytes);
    writer.bytes.copyWithin(start + headerBytes, contentStart, contentStart + length);
    writer.length = start;
    writer.varint(length);
    writer.length += length;
  }

  /** Reads an element from a list that ends at `end`. */
  #read(input: ByteReader, end: number): T {
    const length = input.varint();
    input.need(length);
    const elementEnd = input.position + length;
    input.end = elementEnd;
    const element = this.#elements.decode(input);
    input.end = end;
    return element;
  }
}

function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) count += 1;
  return count;
}
