import {
  type KeyedStateBackend,
  type KeyedStateContext,
  MemoryGuard,
  processMemory,
  type ReadMemory,
  type StateBackend,
} from "@tidemark/core/state";
import { MemoryKeyedStateBackend } from "./memory-keyed-state-backend.js";
import { restoreEntries } from "./memory-restore.js";

export interface MemoryBackendOptions {
  /**
   * How much memory is in use and may be used. Near a limit changes throw NO_MEMORY instead of ending the process. Default: V8's limit
   * for the heap, and that of the container or machine for the process.
   */
  readonly readMemory?: ReadMemory;
}

/**
 * Keeps state on the JavaScript heap and in flat memory beside it: the fastest for state that fits, and the reference the other
 * backends are compared with. Each checkpoint holds all of it.
 * @example job("count", build, { backend: memoryBackend() })
 */
export function memoryBackend(options: MemoryBackendOptions = {}): StateBackend {
  const { readMemory = processMemory } = options;
  return Object.freeze({
    name: "memory",
    async open<K>(context: KeyedStateContext<K>): Promise<KeyedStateBackend<K>> {
      const guard = new MemoryGuard(readMemory);
      const restored = context.restore === undefined ? undefined : await restoreEntries(context, context.restore, guard);
      return new MemoryKeyedStateBackend(context, guard, restored);
    },
  });
}
