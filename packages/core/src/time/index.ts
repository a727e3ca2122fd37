export { systemClock, type Clock } from "./clock.js";
export { durationMs, type Duration } from "./duration.js";
