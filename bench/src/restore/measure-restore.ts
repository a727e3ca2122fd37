import { yieldTurn } from "@tidemark/core/state";
import { CheckpointedJob } from "../checkpointed-job/checkpointed-job.js";
import { filesIn } from "../checkpointed-job/directory-growth.js";
import { pause } from "../pause.js";
import { type ResultLine, WrongResultError } from "../question.js";
import type { Settings } from "../settings.js";
import { describeBuild, ownSystem } from "../state/own-systems.js";
import { copyAndHash, describeCopy } from "./copy-and-hash.js";

interface Run {
  readonly job: CheckpointedJob;
  readonly settings: Settings;
  readonly emit: (line: ResultLine) => void;
  readonly nowMs: () => number;
}

/** Gets, and updates, between two looks at the clock. */
const batch = 2_000;
const stoppedMs = 100;
const readsToWarmUp = 20_000;

/**
 * Restores of a job in a process that has run it before, from a full checkpoint and a number of deltas: the time to the first record,
 * or how fast reads and writes are right afterwards. What was restored is compared with the model. Throws WrongResultError.
 */
export async function measureRestore(settings: Settings, emit: (line: ResultLine) => void, nowMs: () => number): Promise<void> {
  const system = settings.text("system");
  const isCopyOnly = system === "cp";
  const job = new CheckpointedJob({
    backend: ownSystem(isCopyOnly ? "rocksdb" : system).backend,
    directory: settings.text("directory"),
    keyCount: settings.number("keys"),
    valueBytes: settings.number("valueBytes"),
    seed: settings.number("seed"),
    isCopied: settings.text("files") === "copied",
    nowMs,
    nextTurn: yieldTurn,
  });
  const run = { job, settings, emit, nowMs };
  try {
    emit({ build: isCopyOnly ? await describeCopy() : describeBuild(system) });
    await buildChain(run);
    await (isCopyOnly ? measureCopies : measureOf(settings.text("case")))(run);
  } finally {
    await job.dispose();
  }
}

function measureOf(name: string): (run: Run) => Promise<void> {
  if (name.startsWith("first-record")) return measureFirstRecords;
  if (name.startsWith("gets")) return measureGets;
  if (name === "writes") return measureWrites;
  throw new Error(`unknown case: ${name}`);
}

/** A full checkpoint and deltas on top of it; then the job is gone, as after a crash. */
async function buildChain({ job, settings, emit }: Run): Promise<void> {
  job.start();
  await job.load();
  let last = await job.whileRunning(job.checkpoint());
  for (let delta = 0; delta < settings.number("deltas"); delta += 1) {
    await job.update(settings.number("recordsPerRound"));
    last = await job.whileRunning(job.checkpoint());
  }
  emit({ stateBytes: job.stateBytes, restoreBytes: last.report.totalBytes });
  // So that what is measured later is not how fast code is compiled.
  await job.read(readsToWarmUp);
  await job.crash();
}

async function measureFirstRecords({ job, settings, emit }: Run): Promise<void> {
  for (let restore = 1; restore <= settings.number("restores"); restore += 1) {
    if (restore > 1) await job.crash();
    emit({ firstRecordMs: await job.restore() });
  }
  emit({ checked: await job.check(settings.number("checks")) });
}

async function measureGets(run: Run): Promise<void> {
  const { job, settings, emit, nowMs } = run;
  await job.restore();
  const restoredMs = nowMs();
  const restoredGetsPerMs = await getsPerMs(run);
  const settledMs = await settle(run);
  const settledGetsPerMs = await getsPerMs(run);
  emit({ restoredGetsPerMs, settledGetsPerMs, settleMs: settledMs - restoredMs });
  emit({ checked: await job.check(settings.number("checks")) });
}

async function getsPerMs({ job, settings, nowMs }: Run): Promise<number> {
  const startMs = nowMs();
  let gets = 0;
  let endMs = startMs;
  while (endMs - startMs < settings.number("getsMs")) {
    await job.read(batch);
    gets += batch;
    endMs = nowMs();
  }
  return gets / (endMs - startMs);
}

/** Waits until compactions have left the database's files alone for a while. Returns when the last one changed. */
async function settle({ job, settings, nowMs }: Run): Promise<number> {
  const quietMs = settings.number("quietMs");
  let files = "";
  let changedMs = nowMs();
  for (;;) {
    const found = (await filesIn(job.workingDirectory)).filter(({ path }) => path.endsWith(".sst")).map(({ id }) => id);
    const now = nowMs();
    const joined = found.sort().join(" ");
    if (joined !== files) {
      files = joined;
      changedMs = now;
    } else if (now - changedMs >= quietMs) return changedMs;
    await pause(Math.min(100, quietMs));
  }
}

/** Updates right after a restore: how many had to wait, and how long. */
async function measureWrites({ job, settings, emit }: Run): Promise<void> {
  await job.restore();
  job.gaps.reset();
  job.gaps.open();
  await job.update(settings.number("writes"));
  const longest = job.gaps.close();
  await job.update(1);
  emit({ writesLongestMs: await longest, writesStopped: job.gaps.countFrom(stoppedMs) });
  emit({ checked: await job.check(settings.number("checks")) });
}

/** What a copy of the whole checkpoint and its checksums take by themselves. */
async function measureCopies({ job, settings, emit, nowMs }: Run): Promise<void> {
  const files = (await filesIn(job.checkpointDirectory)).length;
  for (let restore = 1; restore <= settings.number("restores"); restore += 1) {
    const startMs = nowMs();
    const copied = await copyAndHash(job.checkpointDirectory, `${job.checkpointDirectory}-copy-${restore}`);
    emit({ firstRecordMs: nowMs() - startMs });
    if (copied !== files) throw new WrongResultError(`${copied} of ${files} files were copied`);
  }
  emit({ checked: files });
}
