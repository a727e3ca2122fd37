import { type StateBackend, yieldTurn } from "@tidemark/core/state";
import { liveFilesBackend } from "../live-files/live-files-backend.js";
import { type ResultLine, WrongResultError } from "../question.js";
import type { Settings } from "../settings.js";
import { describeBuild, ownSystem } from "../state/own-systems.js";
import { CheckpointedJob } from "./checkpointed-job.js";
import { DirectoryGrowth, filesIn } from "./directory-growth.js";

interface Run {
  readonly job: CheckpointedJob;
  readonly settings: Settings;
  readonly growth: DirectoryGrowth;
  readonly emit: (line: ResultLine) => void;
  readonly nowMs: () => number;
}

/**
 * Checkpoints of a job whose records come at a pace: pauses, durations, gaps between records and bytes, then the same windows without
 * checkpoints, then a restore of the last checkpoint that is compared with the model. Throws WrongResultError.
 */
export async function measureCheckpoints(settings: Settings, emit: (line: ResultLine) => void, nowMs: () => number): Promise<void> {
  const system = settings.text("system");
  const job = new CheckpointedJob({
    backend: backendOf(system, settings.text("upload")),
    directory: settings.text("directory"),
    keyCount: settings.number("keys"),
    valueBytes: settings.number("valueBytes"),
    seed: settings.number("seed"),
    isCopied: settings.text("files") === "copied",
    nowMs,
    nextTurn: yieldTurn,
  });
  const run = { job, settings, growth: new DirectoryGrowth(job.checkpointDirectory), emit, nowMs };
  try {
    emit({ build: describeBuild(system) });
    job.start();
    await job.load();
    job.paceUpdates(settings.number("recordsPerSecond"));
    const windowsMs = await measureRounds(run);
    await measureIdle(run, windowsMs);
    await job.whileRunning(job.feed.hold());
    await job.whileRunning(job.checkpoint());
    if (settings.text("files") === "copied") await requireCopies(job);
    await job.crash();
    job.start();
    emit({ checked: await job.check(settings.number("checks")) });
    await job.crash();
  } finally {
    await job.dispose();
  }
}

function backendOf(system: string, upload: string): (directory: string) => StateBackend {
  if (upload === "changes") return ownSystem(system).backend;
  if (system === "rocksdb" && (upload === "full" || upload === "live-files")) return (directory) => liveFilesBackend(directory, upload);
  throw new Error(`${system} has no checkpoints that upload ${upload}`);
}

/** Takes the first checkpoint, some to warm up, and those that count. Returns how long each of the latter took. */
async function measureRounds({ job, settings, growth, emit }: Run): Promise<number[]> {
  const recordsPerRound = settings.number("recordsPerRound");
  const rounds = settings.number("rounds");
  const first = await job.whileRunning(job.checkpoint());
  const firstUploadedBytes = await growth.take();
  emit({ firstUploadedBytes, firstPauseMs: first.pauseMs, firstDurationMs: first.durationMs, stateBytes: job.stateBytes });
  requireAll(firstUploadedBytes, job.stateBytes);
  let uploaded = firstUploadedBytes;
  let changed = first.changedBytes;
  const windowsMs: number[] = [];
  let startedAt = job.feed.given;
  for (let round = 1 - settings.number("warmUpRounds"); round <= rounds; round += 1) {
    // From one barrier to the next; at once when the checkpoint before took longer than that.
    await job.whileRunning(job.feed.reached(startedAt + recordsPerRound));
    startedAt = job.feed.given;
    if (round === 1) job.gaps.reset();
    job.gaps.open();
    const { report, durationMs, pauseMs, changedBytes } = await job.whileRunning(job.checkpoint());
    const gapMs = await job.whileRunning(job.gaps.close());
    const uploadedBytes = await growth.take();
    requireAll((uploaded += uploadedBytes), (changed += changedBytes));
    if (round < 1) continue;
    windowsMs.push(durationMs);
    emit({ round, pauseMs, durationMs, gapMs, uploadedBytes, changedBytes, restoreBytes: report.totalBytes });
  }
  emit({ gapP999Ms: job.gaps.percentile(0.999) });
  return windowsMs;
}

/** Values do not compress, so checkpoints that have fewer bytes than were changed do not hold them. */
function requireAll(uploadedBytes: number, changedBytes: number): void {
  if (uploadedBytes >= changedBytes) return;
  throw new WrongResultError(`the checkpoints got ${uploadedBytes} bytes, and ${changedBytes} were changed`);
}

/** The same windows without checkpoints. In place of a pause: how long the record path is away for one turn of the event loop. */
async function measureIdle({ job, settings, emit, nowMs }: Run, windowsMs: readonly number[]): Promise<void> {
  const recordsPerRound = settings.number("recordsPerRound");
  const recordsPerSecond = settings.number("recordsPerSecond");
  job.gaps.reset();
  for (const windowMs of windowsMs) {
    const startedAt = job.feed.given;
    await job.whileRunning(job.feed.reached(startedAt + recordsPerRound));
    job.gaps.open();
    const startMs = nowMs();
    await yieldTurn();
    const idlePauseMs = nowMs() - startMs;
    await job.whileRunning(job.feed.reached(job.feed.given + Math.ceil((windowMs * recordsPerSecond) / 1_000)));
    emit({ idlePauseMs, idleGapMs: await job.whileRunning(job.gaps.close()) });
  }
  emit({ idleGapP999Ms: job.gaps.percentile(0.999) });
}

/** Copies are what this variant promises: no file of the checkpoints may share its bytes with the backend's. */
async function requireCopies(job: CheckpointedJob): Promise<void> {
  const own = new Set((await filesIn(job.workingDirectory)).map(({ id }) => id));
  const shared = (await filesIn(job.checkpointDirectory)).find(({ id }) => own.has(id));
  if (shared !== undefined) throw new WrongResultError(`${shared.path} is a hard link, not a copy`);
}
