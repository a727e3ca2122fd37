import { randomInt } from "node:crypto";

/** How many kills are tried: a few, or as many as TIDEMARK_FAULTS says. CI says 150. */
export const killCount = Number(process.env["TIDEMARK_FAULTS"] ?? 6);

/** Whether every test of this folder runs at its full length. */
export const isThorough = killCount >= 100;

/** Decides which cases a sample takes; TIDEMARK_FAULTS_SEED repeats an earlier one, which every failure names. */
export const seed = Number(process.env["TIDEMARK_FAULTS_SEED"] ?? randomInt(1_000_000));

/** Runs each of some actions, two at a time: most of them wait for a process. */
export async function inPairs(actions: readonly (() => Promise<void>)[]): Promise<void> {
  const waiting = [...actions];
  const next = async (): Promise<void> => {
    for (let action = waiting.shift(); action !== undefined; action = waiting.shift()) await action();
  };
  await Promise.all([next(), next()]);
}
