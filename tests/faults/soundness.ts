import { join } from "node:path";
import { type CompletedCheckpoint, isSafeName, sweepGarbage } from "@tidemark/core/storage";
import { expect } from "vitest";
import { tidemarkHere } from "../cli/made-checkpoints.js";
import { checkpointsOf, contentsAt, jobName, type LifePlace, readerOf, retained, StateLife, workingDirectoryOf } from "./state-life.js";
import { expectedAfter } from "./steps.js";

/** What must hold of a directory after any fault, and what a successor must be able to do. */

/** Nothing acknowledged is lost, everything that is listed is whole and holds the state of its moment. */
export async function requireSound(place: LifePlace, acknowledged: readonly number[]): Promise<void> {
  const list = await requireListed(place, acknowledged);
  for (const [index, checkpoint] of list.entries()) {
    const [contents, steps] = await contentsAt(place, checkpoint, 1 + (index % 2));
    expect(contents).toBe(expectedAfter(steps));
  }
}

/** What is listed is what was acknowledged, and whole. */
async function requireListed(place: LifePlace, acknowledged: readonly number[]): Promise<CompletedCheckpoint[]> {
  const list = await readerOf(place).list();
  const ids = list.map(({ id }) => id);
  const last = acknowledged.at(-1) ?? 0;
  // A crash right before an acknowledgement leaves one more, never one less.
  expect(ids.filter((id) => id > last).length).toBeLessThanOrEqual(1);
  const all = [...acknowledged, ...ids.filter((id) => id > last)];
  for (const id of all.slice(-retained)) expect(ids).toContain(id);
  if (list.length > 0) {
    const verified = await tidemarkHere(["checkpoint", "verify", checkpointsOf(place)]);
    expect(verified).toMatchObject({ exitCode: 0, stderr: "" });
  }
  return list;
}

/** A successor restores, goes on with checkpoints that add only what changed, and leaves nothing behind that is not needed. */
export async function requireContinues(place: LifePlace): Promise<void> {
  const before = (await readerOf(place).list()).at(-1);
  const life = await StateLife.begin(place, { isRebasing: false });
  expect(life.restoredFrom).toEqual(before);
  // Of two subtasks whose files reach into each other's key groups all entries are copied, so nothing is named again.
  let earlier = (await parallelismOf(place, before)) === 1 ? await filesOf(place, before) : [];
  for (let count = 0; count < 2; count += 1) {
    life.apply(40);
    const completed = await life.checkpoint(() => life.apply(5));
    const files = await filesOf(place, completed);
    if (earlier.length > 0) expect(files.filter((name) => earlier.includes(name))).not.toEqual([]);
    earlier = files;
    await life.subsume(completed);
  }
  await life.close();

  const last = await StateLife.begin(place, { parallelism: 2 });
  const ids: number[] = [];
  for (let count = 0; count < retained; count += 1) {
    last.apply(10);
    const { id } = await last.checkpoint();
    ids.push(id);
    await last.subsume(await newest(place));
  }
  expect(last.contents()).toBe(expectedAfter(last.steps));
  await last.close();
  await requireListed(place, ids);
  await requireOnlyNeeded(place);
}

async function newest(place: LifePlace): Promise<CompletedCheckpoint> {
  return (await readerOf(place).list()).at(-1) as CompletedCheckpoint;
}

async function filesOf(place: LifePlace, checkpoint: CompletedCheckpoint | undefined): Promise<string[]> {
  if (checkpoint === undefined) return [];
  return (await readerOf(place).readManifest(checkpoint)).files.map(({ name }) => name);
}

async function parallelismOf(place: LifePlace, checkpoint: CompletedCheckpoint | undefined): Promise<number | undefined> {
  if (checkpoint === undefined) return undefined;
  return (await readerOf(place).readManifest(checkpoint)).operators[0]?.parallelism;
}

/** After garbage collection there is exactly what the checkpoints name, and no working directory of an attempt that is over. */
async function requireOnlyNeeded(place: LifePlace): Promise<void> {
  const { fileSystem } = place;
  const swept = await sweepGarbage({ directory: checkpointsOf(place), job: jobName, fileSystem });
  expect(swept.plan.blockedBy).toEqual([]);
  const list = await readerOf(place).list();
  const needed = new Set<string>();
  for (const checkpoint of list) for (const name of await filesOf(place, checkpoint)) needed.add(name);
  const own = join(checkpointsOf(place), jobName);
  const shared = (await fileSystem.list(join(own, "shared"))).map(({ name }) => name);
  expect(shared).toEqual([...needed].sort());
  const rest = (await fileSystem.list(own)).map(({ name }) => name).filter((name) => name.startsWith("chk-") || !isSafeName(name));
  expect(rest).toEqual(list.map(({ id }) => `chk-${String(id).padStart(6, "0")}`));
  expect((await fileSystem.list(workingDirectoryOf(place))).map(({ name }) => name)).toEqual([]);
}
