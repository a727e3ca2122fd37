import { pino } from "pino";
import type { Logger } from "../checkpoint/index.js";

let logger: Logger | undefined;

/** The default logger: JSON lines on standard error. Written at once, so that the last lines before a crash are there. */
export function consoleLogger(): Logger {
  logger ??= pino({ name: "tidemark", level: "info" }, pino.destination({ dest: 2, sync: true }));
  return logger;
}
