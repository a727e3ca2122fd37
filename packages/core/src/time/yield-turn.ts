/** Lets timers and I/O of the process run, then resolves. */
export function yieldTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
