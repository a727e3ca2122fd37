import type { KeyContext } from "../key-context.js";
import { ByteWriter, type KeySerializer } from "../serializers/index.js";

/** Stored keys of one state: those of the current key and namespace. */
export class EntryKeys<K, N> {
  readonly context: KeyContext<K>;
  readonly stateId: number;
  readonly namespaces: KeySerializer<N>;
  readonly #namespace = new ByteWriter({ tooLargeCode: "KEY_TOO_LARGE" });

  constructor(context: KeyContext<K>, stateId: number, namespaces: KeySerializer<N>) {
    this.context = context;
    this.stateId = stateId;
    this.namespaces = namespaces;
  }

  setNamespace(namespace: N): void {
    this.#namespace.reset();
    this.namespaces.writeKey(namespace, this.#namespace);
  }

  /** `key group | state id | key | namespace`, ready for a map key behind it. The writer is shared and holds until the next call. */
  current(): ByteWriter {
    return this.#withNamespace(this.context.entryKey(this.stateId));
  }

  /** The same with any bytes in the place of key group and state id, for stores that have one state only. */
  currentOfOne(): ByteWriter {
    return this.#withNamespace(this.context.encodedKey());
  }

  #withNamespace(key: ByteWriter): ByteWriter {
    if (this.#namespace.length > 0) key.raw(this.#namespace.bytes, 0, this.#namespace.length);
    return key;
  }

  /** The part of stored keys that all namespaces of the current key share, as bytes of its own. */
  keyPrefix(): Uint8Array {
    return this.context.entryKey(this.stateId).copy();
  }
}
