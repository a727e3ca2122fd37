import { ByteWriter, type KeySerializer } from "../serializers/index.js";

/** What a JavaScript Map can use as the key for `key`: equal for equal keys, different for different ones. */
export type HashKey = string | number | bigint | boolean;

const escape = "\u0001";

/**
 * Makes hash keys. Numbers, strings, bigints and booleans are their own; anything else becomes its encoding as a
 * string behind an escape character that other strings cannot begin with.
 */
export class HashKeys<K> {
  readonly #serializer: KeySerializer<K>;
  readonly #writer = new ByteWriter({ tooLargeCode: "KEY_TOO_LARGE" });

  constructor(serializer: KeySerializer<K>) {
    this.#serializer = serializer;
  }

  /** Throws KEY_TYPE for what the serializer does not take. */
  of(key: K): HashKey {
    // Encoded even where the key serves as it is: the serializer is what refuses wrong types.
    this.#writer.reset();
    this.#serializer.writeKey(key, this.#writer);
    return this.ofEncoded(key, this.#writer, 0);
  }

  /** The same for a key whose encoding is in a writer from `start` on. */
  ofEncoded(key: K, encoded: ByteWriter, start: number): HashKey {
    switch (typeof key) {
      case "number":
      case "bigint":
      case "boolean":
        return key;
      case "string":
        return key.startsWith(escape) ? `${escape}s${key as string}` : key;
      default: {
        const bytes = Buffer.from(encoded.bytes.buffer, encoded.bytes.byteOffset + start, encoded.length - start);
        return `${escape}b${bytes.toString("latin1")}`;
      }
    }
  }
}
