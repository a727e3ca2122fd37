/** Serializers of state values and keys: what they are made of, what they store about themselves, how they evolve. */
export { anyKey, type AnyKey } from "./any-key.js";
export { array } from "./array.js";
export { bigint, bigint64 } from "./bigints.js";
export { boolean } from "./boolean.js";
export { bytes } from "./byte-array.js";
export { ByteReader, ByteWriter, defaultMaxValueBytes, type ByteWriterOptions } from "./bytes.js";
export { resolveCompatibility, type Compatibility } from "./compatibility.js";
export { serializer, type CustomSerializer } from "./custom.js";
export { date } from "./date.js";
export { enumeration, literal } from "./enumeration.js";
export { aliased, withDefault } from "./field.js";
export { json } from "./json.js";
export { map } from "./map.js";
export { msgpack } from "./msgpack.js";
export { float64, int32, int64, type ValueAndKey } from "./numbers.js";
export { nullable, optional } from "./optional.js";
export type {
  EnumerationValue,
  FieldDeclaration,
  InferKey,
  InferType,
  KeySerializer,
  SerializerSnapshot,
  SerializerStructure,
  StructField,
  TypeSerializer,
} from "./serializer.js";
export { sameSnapshot, serializerFromSnapshot, type FindCustom } from "./snapshot.js";
export { string } from "./string.js";
export { struct, type StructFields, type StructSerializer, type StructValue } from "./struct.js";
export { tuple, type TupleSerializer, type TupleValue } from "./tuple.js";
export { variant, type VariantCases, type VariantValue } from "./variant.js";
