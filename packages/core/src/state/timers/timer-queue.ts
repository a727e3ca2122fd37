export interface Timer<K, N = undefined> {
  /** Milliseconds since the epoch, in the queue's time domain. */
  readonly timeMs: number;
  readonly key: K;
  readonly namespace: N;
}

/** The namespace argument of a timer call: none where the queue's timers have no namespaces. */
export type NamespaceArguments<N> = undefined extends N ? [namespace?: N] : [namespace: N];

/** Timers ordered by time; at most one for each (time, key, namespace). */
export interface TimerQueue<K, N = undefined> {
  /** Registers a timer for the current key. False when it was there already. Throws INVALID_ARGUMENT unless a safe integer. */
  register(timeMs: number, ...namespace: NamespaceArguments<N>): boolean;
  /** Removes a timer of the current key. False when there was none. */
  delete(timeMs: number, ...namespace: NamespaceArguments<N>): boolean;
  /** Time of the earliest timer, Infinity when there is none. */
  nextTimeMs(): number;
  /** Removes and returns the earliest timer if it is due at `timeMs`, else undefined. Ties come by key group, then by encoded key. */
  poll(timeMs: number): Timer<K, N> | undefined;
}
