import { StateError } from "../../errors/index.js";
import { type ByteReader, ByteWriter, type TypeSerializer } from "../serializers/index.js";

/**
 * Stored values: `schema version (1) | payload`. The version tells which schema of the state's history the payload was
 * written with.
 */
export class ValueCodec<T> {
  readonly #serializer: TypeSerializer<T>;
  readonly #writer: ByteWriter;
  readonly #version: number;

  constructor(serializer: TypeSerializer<T>, version = 0, maxValueBytes?: number) {
    this.#serializer = serializer;
    this.#version = version;
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

  /** Throws STATE_CORRUPT. */
  decode(input: ByteReader): T {
    const version = input.u8();
    if (version !== this.#version)
      throw new StateError("STATE_CORRUPT", `a stored value has schema version ${version}, which this state never had`);
    const value = this.#serializer.read(input);
    input.expectEnd();
    return value;
  }
}
