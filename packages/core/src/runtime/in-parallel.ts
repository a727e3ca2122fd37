/**
 * Runs `action` for each item, at most `limit` at a time. Rejects with the first error, after the signal that the others were given
 * was aborted and all of them ended.
 */
export async function inParallel<T>(
  items: readonly T[],
  limit: number,
  signal: AbortSignal,
  action: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const rest = items[Symbol.iterator]();
  const work = async (): Promise<void> => {
    try {
      for (const item of rest) {
        both.throwIfAborted();
        await action(item, both);
      }
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, work));
  // The first to fail aborted the others, so its reason is the signal's.
  if (results.some(({ status }) => status === "rejected")) throw both.reason;
}
