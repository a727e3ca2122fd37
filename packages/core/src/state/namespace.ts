import type { KeySerializer } from "./serializers/index.js";

/** The namespace of states that have none: takes no bytes. */
export const voidNamespace: KeySerializer<undefined> = Object.freeze({
  writeKey: () => undefined,
  readKey: () => undefined,
  keySnapshot: () => ({ type: "void" }),
});

/**
 * A state that holds one value, list or map for each key and namespace: windows, users, sessions. in() says which namespace the
 * handle means until the next in().
 */
export interface NamespacedState<N, H> {
  /** The handle, about the current key and this namespace. It is the same object each time. */
  in(namespace: N): H;
  /** The namespaces that have an entry for the current key, in byte order of their encoding. */
  namespaces(): IterableIterator<N>;
}
