import { StateError } from "../errors/index.js";
import type { Source } from "../operators/source.js";
import { generatorSource } from "./generator-source.js";

/**
 * The elements of an array, in order; the array must stay as it is while a job reads it, also over a restore.
 *
 *     collectionSource(["to", "be", "or", "not", "to", "be"])
 */
export function collectionSource<T>(elements: readonly T[], options: { readonly batchSize?: number } = {}): Source<T> {
  if (!Array.isArray(elements)) throw new StateError("INVALID_ARGUMENT", "collectionSource takes an array");
  const source = generatorSource({ ...options, count: elements.length, record: (index) => elements[index] as T });
  return { description: `collection of ${elements.length}`, open: source.open };
}
