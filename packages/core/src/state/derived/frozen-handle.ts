/**
 * A state handle that deeply freezes what goes in and what comes out, so that changing a value in place throws a TypeError
 * instead of working on one backend and not on another. For development: it walks every value.
 */
export function frozenHandle<H extends object>(handle: H): H {
  return new Proxy(handle, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...parts: unknown[]): unknown => {
        for (const part of parts) freezeDeeply(part);
        const result: unknown = (member as (...args: unknown[]) => unknown).apply(target, parts);
        return isIterator(result) ? frozenIterator(result) : freezeDeeply(result);
      };
    },
  });
}

function* frozenIterator(iterator: IterableIterator<unknown>): IterableIterator<unknown> {
  for (const value of iterator) yield freezeDeeply(value);
}

function isIterator(value: unknown): value is IterableIterator<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { next?: unknown }).next === "function";
}

function freezeDeeply<T>(value: T): T {
  // Views over memory cannot be frozen; iterators and generators must go on moving.
  if (typeof value !== "object" || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value) || isIterator(value)) return value;
  Object.freeze(value);
  if (value instanceof Map) {
    for (const [key, entry] of value) {
      freezeDeeply(key);
      freezeDeeply(entry);
    }
  }
  for (const part of Object.values(value)) freezeDeeply(part);
  return value;
}
