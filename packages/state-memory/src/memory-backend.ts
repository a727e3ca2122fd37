import type { KeyedStateBackend, KeyedStateContext, StateBackend } from "@tidemark/core/state";
import { MemoryKeyedStateBackend } from "./memory-keyed-state-backend.js";
import { restoreEntries } from "./memory-restore.js";

/**
 * Keeps state on the JavaScript heap: the fastest for state that fits, and the reference the other backends are compared
 * with. Each checkpoint holds all of it.
 * @example job("count", build, { backend: memoryBackend() })
 */
export function memoryBackend(): StateBackend {
  return Object.freeze({
    name: "memory",
    async open<K>(context: KeyedStateContext<K>): Promise<KeyedStateBackend<K>> {
      const restored = context.restore === undefined ? undefined : await restoreEntries(context, context.restore);
      return new MemoryKeyedStateBackend(context, restored);
    },
  });
}
