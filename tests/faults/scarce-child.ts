/**
 * A process whose disk is filled, or whose open files are used up, while it takes a checkpoint or while it opens:
 * `scarce-child.js <directory> <state directory> <checkpoint directory> <ballast> <left> <start|checkpoint>`. With a path as ballast
 * the disk there is filled, else file numbers are used up; so many pages or numbers stay free. Prints what became of it as JSON.
 */
import { closeSync, ftruncateSync, openSync, rmSync, writeSync } from "node:fs";
import { isStateError } from "@tidemark/core";
import { NodeFileSystem } from "@tidemark/core/storage";
import { type LifePlace, StateLife } from "./state-life.js";
import { expectedAfter } from "./steps.js";

const [directory = "", state = "", checkpoints = "", ballast = "", left = "0", during = ""] = process.argv.slice(2);
const pageBytes = 4096;
const attemptsAfter = 3;

/** Uses up what is to be scarce; the returned function gives it back. */
function exhaust(): () => void {
  return ballast === "" ? openFiles() : fillDisk();
}

function fillDisk(): () => void {
  const page = new Uint8Array(pageBytes);
  const file = openSync(ballast, "w");
  const pages = untilRefused("ENOSPC", () => writeSync(file, page));
  ftruncateSync(file, Math.max(0, pages - Number(left)) * pageBytes);
  closeSync(file);
  return () => rmSync(ballast);
}

function openFiles(): () => void {
  const open: number[] = [];
  untilRefused("EMFILE", () => open.push(openSync("/dev/null", "r")));
  for (const file of open.splice(0, Number(left))) closeSync(file);
  return () => open.forEach((file) => closeSync(file));
}

/** How often an action works before the system refuses it with an error of that name. */
function untilRefused(errno: string, action: () => unknown): number {
  for (let count = 0; ; count += 1) {
    try {
      action();
    } catch (error) {
      if ((error as { code?: string }).code !== errno) throw error;
      return count;
    }
  }
}

async function codeOf(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
    return "ok";
  } catch (error) {
    for (let cause = error; isStateError(cause); cause = cause.cause) if (cause.code !== "CHECKPOINT_FAILED") return cause.code;
    return isStateError(error) ? error.code : `not a StateError: ${String(error)}`;
  }
}

async function duringCheckpoints(place: LifePlace): Promise<string[]> {
  const life = await StateLife.begin(place);
  life.apply(200);
  await life.subsume(await life.checkpoint());
  life.apply(100);
  const giveBack = exhaust();
  const codes: string[] = [];
  for (let attempt = 0; attempt < 2; attempt += 1) codes.push(await codeOf(() => life.checkpoint(() => life.apply(30))));
  giveBack();
  return [...codes, ...(await afterwards(life))];
}

async function whileOpening(place: LifePlace): Promise<string[]> {
  const before = await StateLife.begin(place);
  before.apply(200);
  await before.subsume(await before.checkpoint());
  await before.close();
  const giveBack = exhaust();
  const code = await codeOf(async () => await (await StateLife.begin(place, { parallelism: 2 })).close());
  giveBack();
  return [code, ...(await afterwards(await StateLife.begin(place)))];
}

/** Checkpoints work again, and the next life has everything. */
async function afterwards(life: StateLife): Promise<string[]> {
  life.apply(50);
  const codes: string[] = [];
  while (codes.at(-1) !== "ok" && codes.length < attemptsAfter) codes.push(await codeOf(() => life.checkpoint()));
  const { steps } = life;
  await life.close();
  const next = await StateLife.begin(place);
  const isWhole = next.steps === steps && next.contents() === expectedAfter(steps);
  await next.close();
  return [...codes, isWhole ? "whole" : `lost: ${next.steps} of ${steps} steps`];
}

const fileSystem = new NodeFileSystem();
const place = { directory, state, checkpoints, fileSystem };
const codes = during === "start" ? await whileOpening(place) : await duringCheckpoints(place);
process.stdout.write(`${JSON.stringify(codes)}\n`);
await fileSystem.close();
