export interface Timer<K> {
  /** Milliseconds since the epoch, in the queue's time domain. */
  readonly timeMs: number;
  readonly key: K;
}

/** Timers ordered by time; at most one for each (time, key). */
export interface TimerQueue<K> {
  /** Registers a timer for the current key. False when it was there already. */
  register(timeMs: number): boolean;
  /** Removes a timer of the current key. False when there was none. */
  delete(timeMs: number): boolean;
  /** Time of the earliest timer, Infinity when there is none. */
  nextTimeMs(): number;
  /** Removes and returns the earliest timer if it is due at `timeMs`, else undefined. Ties come by key group, then by encoded key. */
  poll(timeMs: number): Timer<K> | undefined;
}
