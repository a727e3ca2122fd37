import { StateError } from "../errors/index.js";
import { type KeyGroupRange, keyGroupOf, signedMurmur3Of } from "./key-groups.js";
import { ByteWriter, type KeySerializer } from "./serializers/index.js";
import { keyGroupBitsOf, positionIn } from "./table/key-positions.js";

/** Longest encoded key unless configured otherwise: 64 KiB. */
export const defaultMaxKeyBytes = 64 * 1024;

/** Bytes in front of the key in a stored key: key group and state id, two bytes each. */
export const entryPrefixBytes = 4;
// The engine takes a constant that a module keeps to itself for what it is, and calls it without a check; an import or an export it
// loads and checks at each use. setCurrentKey() runs once a record.
const prefixBytes = entryPrefixBytes;
const hashOf = signedMurmur3Of;
const groupOf = keyGroupOf;
const positionOf = positionIn;

/**
 * The key that state access is about, encoded once however many states are used:
 * `keyGroup (2, big endian) | stateId (2, big endian) | key | map key`, as docs/formats/state-entries.md draws it.
 */
export class KeyContext<K> {
  readonly keyGroups: KeyGroupRange;
  // Numbers that are used once a record begin as numbers: the engine then need not ask at each use what they are.
  readonly maxParallelism: number = 0;
  readonly serializer: KeySerializer<K>;
  readonly #writer: ByteWriter;
  readonly #maxKeyBytes: number = 0;
  readonly #firstKeyGroup: number = 0;
  readonly #lastKeyGroup: number = 0;
  readonly #keyGroupBits: number = 0;
  #key: K | undefined;
  /** Where the current key's encoding ends; 0 when there is no current key. */
  #keyEnd = 0;
  #keyPosition = 0;
  #keyGroup = 0;
  /** Neither closed nor failed. */
  #isOpen = true;
  #failure: StateError | undefined;

  constructor(serializer: KeySerializer<K>, keyGroups: KeyGroupRange, maxParallelism: number, maxKeyBytes = defaultMaxKeyBytes) {
    this.serializer = serializer;
    this.keyGroups = keyGroups;
    this.#firstKeyGroup = keyGroups.first;
    this.#lastKeyGroup = keyGroups.last;
    this.#keyGroupBits = keyGroupBitsOf(keyGroups);
    this.maxParallelism = maxParallelism;
    // Room for the key itself and for a map key behind it.
    this.#writer = new ByteWriter({ maxBytes: entryPrefixBytes + 2 * maxKeyBytes, tooLargeCode: "KEY_TOO_LARGE" });
    this.#maxKeyBytes = maxKeyBytes;
  }

  /** Throws KEY_TYPE, KEY_TOO_LARGE, DISPOSED; the context has no current key then. */
  set(key: K): void {
    this.requireOpen();
    const writer = this.#writer;
    this.#keyEnd = 0;
    // entryKey() fills in the prefix.
    writer.length = prefixBytes;
    this.serializer.writeKey(key, writer);
    const end = writer.length;
    if (end - prefixBytes > this.#maxKeyBytes) {
      throw new StateError(
        "KEY_TOO_LARGE",
        `the key takes ${end - prefixBytes} bytes encoded, the limit is ${this.#maxKeyBytes}; ` +
          "use a shorter key, a hash of it for example",
      );
    }
    const hash = hashOf(writer, prefixBytes, end);
    const keyGroup = groupOf(hash, this.maxParallelism);
    if (keyGroup < this.#firstKeyGroup || keyGroup > this.#lastKeyGroup) {
      throw new StateError(
        "INVALID_ARGUMENT",
        `the key belongs to key group ${keyGroup}; this subtask holds ${this.#firstKeyGroup} to ${this.#lastKeyGroup}`,
      );
    }
    this.#key = key;
    this.#keyPosition = positionOf(keyGroup - this.#firstKeyGroup, hash, this.#keyGroupBits);
    this.#keyGroup = keyGroup;
    this.#keyEnd = end;
  }

  clear(): void {
    this.#keyEnd = 0;
    this.#key = undefined;
  }

  close(): void {
    this.clear();
    this.#isOpen = false;
    this.#failure = undefined;
  }

  /** Makes every later access throw `error`: what was changed last may not be stored. */
  fail(error: StateError): void {
    this.clear();
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#failure = error;
  }

  /** Throws DISPOSED once closed, and the error of fail(). */
  requireOpen(): void {
    if (!this.#isOpen) throw this.#failure ?? disposed();
  }

  get key(): K {
    if (this.#keyEnd === 0) this.#require();
    return this.#key as K;
  }

  get keyGroup(): number {
    if (this.#keyEnd === 0) this.#require();
    return this.#keyGroup;
  }

  /** Where tables without namespaces have the current key: made of its key group and of the murmur3 hash of its encoding. */
  get keyPosition(): number {
    if (this.#keyEnd === 0) this.#require();
    return this.#keyPosition;
  }

  /**
   * The stored key of the current key in a state, ready for a map key to be appended. The writer is shared: its content holds until
   * the next call.
   */
  entryKey(stateId: number): ByteWriter {
    const writer = this.encodedKey();
    writer.view.setInt32(0, (this.#keyGroup << 16) | stateId, false);
    return writer;
  }

  /** The same with any bytes in the place of key group and state id. */
  encodedKey(): ByteWriter {
    if (this.#keyEnd === 0) this.#require();
    const writer = this.#writer;
    writer.length = this.#keyEnd;
    return writer;
  }

  #require(): void {
    this.requireOpen();
    if (this.#keyEnd === 0) {
      throw new StateError(
        "NO_CURRENT_KEY",
        "keyed state was used outside processElement() and onTimer(); use it only there, or call setCurrentKey() first",
      );
    }
  }
}

function disposed(): StateError {
  return new StateError("DISPOSED", "this state backend is closed; open a new one");
}

/** The smallest byte string above every one that starts with `prefix`. */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1;
  if (length === 0) throw new StateError("INTERNAL", "a prefix of 0xff bytes only has no end");
  const end = prefix.slice(0, length);
  end[length - 1] = (end[length - 1] as number) + 1;
  return end;
}
