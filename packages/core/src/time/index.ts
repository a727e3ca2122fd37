export { systemClock, type Clock } from "./clock.js";
export { yieldTurn } from "./yield-turn.js";
export { durationMs, type Duration } from "./duration.js";
