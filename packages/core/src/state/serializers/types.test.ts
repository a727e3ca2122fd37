import { expectTypeOf, test } from "vitest";
import {
  array, boolean, date, enumeration, int32, int64, map, msgpack, nullable, optional, string, struct, tuple, variant, withDefault,
  type InferKey, type InferType, type KeySerializer, type TypeSerializer,
} from "./index.js";

// Checked by the compiler; running them only shows that the declarations work.
test("declared types give the types of their values", () => {
  const visits = struct({ count: int64(), last: date(), note: optional(string()), tags: withDefault(array(string()), []) });
  expectTypeOf<InferType<typeof visits>>().toEqualTypeOf<{ count: number; last: Date; tags: string[]; note?: string | undefined }>();

  const event = variant("kind", { click: { x: int32() }, end: {} });
  expectTypeOf<InferType<typeof event>>().toEqualTypeOf<{ kind: "click"; x: number } | { kind: "end" }>();

  expectTypeOf(enumeration("a", 1, null)).toEqualTypeOf<TypeSerializer<"a" | 1 | null>>();
  const scores = map(string(), nullable(int64()));
  expectTypeOf<InferType<typeof scores>>().toEqualTypeOf<Map<string, number | null>>();
  expectTypeOf(nullable(boolean())).toEqualTypeOf<TypeSerializer<boolean | null>>();
  const pair = tuple(string(), int64());
  expectTypeOf<InferType<typeof pair>>().toEqualTypeOf<[string, number]>();
  expectTypeOf(msgpack<{ a: number }>()).toEqualTypeOf<TypeSerializer<{ a: number }>>();
});

test("structs and tuples are keys where all their parts are", () => {
  const key = struct({ user: string(), day: int32() });
  expectTypeOf<InferKey<typeof key>>().toEqualTypeOf<{ user: string; day: number }>();
  expectTypeOf(tuple(string(), int64())).toExtend<KeySerializer<[string, number]>>();
  // @ts-expect-error a list is no key
  const noKey: KeySerializer<{ tags: string[] }> = struct({ tags: array(string()) });
  // @ts-expect-error nor is a tuple with one
  const noTuple: KeySerializer<[string[]]> = tuple(array(string()));
  expectTypeOf(noKey).not.toBeAny();
  expectTypeOf(noTuple).not.toBeAny();
});

test("wrong declarations do not compile", () => {
  const attempts = (): void => {
    // @ts-expect-error the factory instead of what it makes
    struct({ a: int32 });
    // @ts-expect-error a default of another type
    withDefault(int32(), "x");
    // @ts-expect-error a function is no value of an enumeration
    enumeration(() => 1);
  };
  expectTypeOf(attempts).toBeFunction();
});
