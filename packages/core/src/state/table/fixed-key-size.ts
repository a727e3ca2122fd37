import type { SerializerSnapshot } from "../serializers/index.js";

const sizes: Readonly<Record<string, number>> = { boolean: 1, int32: 4, int64: 8, float64: 8, bigint64: 8, date: 8 };

interface KeyParts extends SerializerSnapshot {
  readonly fields?: readonly { readonly type: SerializerSnapshot }[];
  readonly elements?: readonly SerializerSnapshot[];
}

/** The size in bytes of every key that a serializer with this key snapshot encodes, or undefined where it varies or is not known. */
export function fixedKeyBytes(snapshot: SerializerSnapshot): number | undefined {
  const { type, fields, elements } = snapshot as KeyParts;
  if (type === "struct") return sumOf(fields?.map((field) => field.type));
  if (type === "tuple") return sumOf(elements);
  return Object.hasOwn(sizes, type) ? sizes[type] : undefined;
}

function sumOf(parts: readonly SerializerSnapshot[] | undefined): number | undefined {
  if (parts === undefined) return undefined;
  let sizeBytes = 0;
  for (const part of parts) {
    const partBytes = fixedKeyBytes(part);
    if (partBytes === undefined) return undefined;
    sizeBytes += partBytes;
  }
  return sizeBytes;
}
