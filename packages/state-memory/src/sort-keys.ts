import { ByteWriter, keyGroupOf, type KeyContext, murmur3 } from "@tidemark/core/state";

/** Keys in byte order of (key group, key): the order in which every backend gives them. */
export function* sortKeys<K>(keys: Iterable<K>, context: KeyContext<K>): IterableIterator<K> {
  const writer = new ByteWriter();
  const encoded: { readonly key: K; readonly keyGroup: number; readonly bytes: Uint8Array }[] = [];
  for (const key of keys) {
    writer.reset();
    context.serializer.writeKey(key, writer);
    encoded.push({ key, keyGroup: keyGroupOf(murmur3(writer.bytes, 0, writer.length), context.maxParallelism), bytes: writer.copy() });
  }
  encoded.sort((left, right) => left.keyGroup - right.keyGroup || Buffer.compare(left.bytes, right.bytes));
  for (const { key } of encoded) yield key;
}
