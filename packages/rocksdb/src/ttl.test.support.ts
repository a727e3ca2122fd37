import { bytes } from "./fixtures.test.support.js";

/** State ids of the tests: one that expires as a value, one as a list, one that never does. */
export const VALUE = 7;
export const LIST = 0x0102;
export const LASTING = 8;
export const TTL_MS = 100;

/** The key of an entry of a state, in key group 3. */
export function keyOf(stateId: number, name: string): Uint8Array {
  return concatenate([new Uint8Array([0, 3, stateId >> 8, stateId & 255]), bytes(name)]);
}

/** A value with the time of its last access. */
export function stamped(atMs: number | bigint, payload: string): Uint8Array {
  const head = new Uint8Array(9);
  head[0] = 1;
  new DataView(head.buffer).setBigInt64(1, BigInt(atMs), true);
  return concatenate([head, bytes(payload)]);
}

/** An element of a list. */
export function element(atMs: number | bigint, payload: string): Uint8Array {
  const value = stamped(atMs, payload);
  const length: number[] = [];
  let rest = value.length;
  for (; rest > 127; rest >>>= 7) length.push((rest & 127) | 128);
  return concatenate([new Uint8Array([...length, rest]), value]);
}

export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** The elements of a list, or undefined where the bytes are not one: written apart from the binding, to judge it by. */
export function elementsOf(list: Uint8Array): { readonly atMs: bigint; readonly bytes: Uint8Array }[] | undefined {
  const elements: { atMs: bigint; bytes: Uint8Array }[] = [];
  const limit = 2n ** 53n;
  for (let position = 0; position < list.length; ) {
    const start = position;
    let length = 0;
    let digit = 128;
    for (let count = 0; digit >= 128; count += 1) {
      if (position >= list.length || count === 5) return undefined;
      digit = list[position++] as number;
      length += (digit & 127) * 128 ** count;
      if (digit === 0 && count > 0) return undefined;
    }
    if (length < 9 || length > 0xffffffff || position + length > list.length) return undefined;
    const atMs = new DataView(list.buffer, list.byteOffset + position).getBigInt64(1, true);
    if (atMs <= -limit || atMs >= limit) return undefined;
    position += length;
    elements.push({ atMs, bytes: list.subarray(start, position) });
  }
  return elements;
}
