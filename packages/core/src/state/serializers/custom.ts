import { isStateError, StateError } from "../../errors/index.js";
import { ByteReader, type ByteWriter } from "./bytes.js";
import { fixedSize } from "./declaration.js";
import { corrupt, describeValue, refusalByUser, refuseValue } from "./refusal.js";
import type { TypeSerializer } from "./serializer.js";

export interface CustomSerializer<T> {
  /** Names the encoding in checkpoints: a letter, then letters, digits and `_ . / -`, 100 at most. */
  readonly type: string;
  /** Raise it when `write` changes what it produces. Default 1. */
  readonly version?: number;
  /** Set where every value takes this many bytes; the others carry their size, 4 bytes each. */
  readonly fixedSizeBytes?: number;
  /** True where reading is cheap enough for every access (see TypeSerializer). Default false. */
  readonly isCompiled?: boolean;
  write(value: T, out: ByteWriter): void;
  /** Sees only the bytes of one value and must read them all. `version` is the one they were written with. */
  read(input: ByteReader, version: number): T;
  /** True where `read` still reads `storedVersion`. Without it only equal versions are read. */
  isCompatible?(storedVersion: number): boolean;
}

/**
 * A serializer of your own, for classes and dense formats. `read` is confined to the bytes that `write` made, so an
 * error in it cannot shift what follows. What `write` throws becomes VALUE_NOT_SERIALIZABLE and what `read` throws
 * STATE_CORRUPT, each with the error as its cause. Throws INVALID_ARGUMENT for a declaration that cannot be.
 */
export function serializer<T>(custom: CustomSerializer<T>): TypeSerializer<T> {
  const { type, version = 1, fixedSizeBytes, isCompiled = false } = custom;
  const fault = customFault(type, version, fixedSizeBytes);
  if (fault !== undefined) throw new StateError("INVALID_ARGUMENT", `serializer(): ${fault}`);
  if (typeof custom.write !== "function" || typeof custom.read !== "function") {
    throw new StateError("INVALID_ARGUMENT", `serializer() ${JSON.stringify(type)} needs the functions write and read`);
  }

  function readVersion(input: ByteReader, storedVersion: number): T {
    const sizeBytes = fixedSizeBytes ?? input.u32();
    input.need(sizeBytes);
    const end = input.position + sizeBytes;
    let value: T;
    const confined = new ByteReader(input.bytes, input.position, end);
    try {
      value = custom.read(confined, storedVersion);
    } catch (error) {
      if (isStateError(error)) throw error;
      const message = error instanceof Error ? error.message : describeValue(error);
      const what = `the read function of serializer ${JSON.stringify(type)} threw: ${message}`;
      throw new StateError("STATE_CORRUPT", what, { cause: error });
    }
    if (confined.position !== end) corrupt(`serializer ${JSON.stringify(type)} left ${end - confined.position} bytes unread`, end);
    input.position = end;
    return value;
  }

  return {
    write(value, out) {
      const start = out.length;
      if (fixedSizeBytes === undefined) out.u32(0);
      try {
        custom.write(value, out);
      } catch (error) {
        throw isStateError(error) ? error : refusalByUser(type, error);
      }
      const writtenBytes = out.length - start;
      if (fixedSizeBytes === undefined) {
        out.patchU32(start, writtenBytes - 4);
      } else if (writtenBytes !== fixedSizeBytes) {
        const expected = `the ${fixedSizeBytes} bytes that serializer ${JSON.stringify(type)} declares`;
        refuseValue(value, expected, `its write function wrote ${writtenBytes}`);
      }
    },
    read: (input) => readVersion(input, version),
    snapshot: () => ({ type: "custom", name: type, version, ...fixedSize(fixedSizeBytes) }),
    isCompiled,
    ...fixedSize(fixedSizeBytes),
    structure: {
      kind: "custom",
      isCompatible: (storedVersion) => storedVersion === version || custom.isCompatible?.(storedVersion) === true,
      readVersion,
    },
  };
}

/** Says what is wrong with the identity of a custom serializer, declared or stored, or nothing. */
export function customFault(type: unknown, version: unknown, fixedSizeBytes: unknown): string | undefined {
  if (typeof type !== "string" || !/^[A-Za-z][\w./-]{0,99}$/.test(type)) {
    return "the type must be a letter followed by up to 99 letters, digits and _ . / -";
  }
  if (!Number.isSafeInteger(version) || (version as number) < 0) return "the version must be a whole number from 0 up";
  if (fixedSizeBytes === undefined) return undefined;
  if (!Number.isSafeInteger(fixedSizeBytes) || (fixedSizeBytes as number) < 1 || (fixedSizeBytes as number) >= 2 ** 31) {
    return "fixedSizeBytes must be a whole number from 1 to 2^31 - 1";
  }
  return undefined;
}
