/** Numbers in [0, 1) that depend on the seed alone (mulberry32), so that a run can be repeated. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * When to kill: for each kill the share of the input that must be done. Each lies somewhere in its own equal part of the
 * time between 10 % and 80 %, so every life gets to work and the job is never killed after its end.
 */
export function killShares(seed: number, kills: number): number[] {
  const random = seededRandom(seed);
  const part = 0.7 / Math.max(1, kills);
  return Array.from({ length: kills }, (_, kill) => 0.1 + part * (kill + random()));
}
