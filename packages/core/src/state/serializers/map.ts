import { checkPart } from "./declaration.js";
import { corrupt, describeValue, locateRefusal, refuseValue } from "./refusal.js";
import type { TypeSerializer } from "./serializer.js";

/**
 * A JavaScript Map, in its order. It is read and written as a whole; for a large one, or one of which an update
 * touches a few entries, use a map state.
 */
export function map<K, V>(key: TypeSerializer<K>, value: TypeSerializer<V>): TypeSerializer<Map<K, V>> {
  checkPart("map() key", key);
  checkPart("map() value", value);
  return {
    write(map, out) {
      if (!(map instanceof Map) || Object.getPrototypeOf(map) !== Map.prototype) refuseValue(map, "a Map");
      out.varint(map.size);
      const start = out.length;
      for (const [k, v] of map) {
        try {
          key.write(k, out);
        } catch (error) {
          throw locateRefusal(error, "key");
        }
        try {
          value.write(v, out);
        } catch (error) {
          throw locateRefusal(error, typeof k === "string" ? k : describeValue(k));
        }
      }
      // Readers trust a count only as far as the bytes behind it go.
      if (out.length - start < map.size * 2) refuseValue(map, "keys and values whose serializers write at least one byte each");
    },
    read(input) {
      const count = input.count(2);
      const map = new Map<K, V>();
      for (let i = 0; i < count; i++) {
        const k = key.read(input);
        map.set(k, value.read(input));
      }
      if (map.size !== count) corrupt("a map with a key twice", input.position);
      return map;
    },
    snapshot: () => ({ type: "map", key: key.snapshot(), value: value.snapshot() }),
    isCompiled: false,
    structure: { kind: "map", key, value },
  };
}
