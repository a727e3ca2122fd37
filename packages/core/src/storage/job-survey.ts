import { join, resolve } from "node:path";
import { isStateError, type StateError } from "../errors/index.js";
import { DirectoryCheckpointReader } from "./checkpoint-reader.js";
import type { CompletedCheckpoint } from "./checkpoint-storage.js";
import { announcedIn, CommitLog, type CommitLogState } from "./commit-log.js";
import { commitFormat, decodeCommitRecord, type CommitRecord } from "./commit-record.js";
import type { FileSystem } from "./file-system.js";
import { damaged } from "./framed-json.js";
import { JobDirectory } from "./job-directory.js";
import type { CheckpointManifest } from "./manifest.js";
import { requireManifestOf } from "./manifest-codec.js";
import { ManifestFiles } from "./manifest-files.js";
import { checkpointIdOf, slotFileName, slotOf } from "./names.js";

/** A job's directory for those who look at it from outside, without a lease: `directory` holds a directory of the job's name. */
export interface JobPlace {
  readonly directory: string;
  readonly job: string;
  readonly fileSystem: FileSystem;
}

/**
 * "announced": complete, may be restored; "given-up": once announced, its files may go at any time; "not-announced": under way, or left by
 * an attempt that failed; "unknown": the commit log cannot be read.
 */
export type CheckpointStanding = "announced" | "given-up" | "not-announced" | "unknown";

/** A checkpoint that the commit log or a directory speaks of. */
export interface SurveyedCheckpoint {
  readonly id: number;
  readonly standing: CheckpointStanding;
  /** Its commit record, if there still is one. */
  readonly announcement?: CompletedCheckpoint & { readonly atMs?: number };
  readonly manifest?: CheckpointManifest;
  /** Why there is no manifest although there should be one. */
  readonly problem?: StateError;
}

/** All that can be read of a job's checkpoints, and everything about them that cannot. */
export interface JobSurvey {
  readonly job: string;
  /** The job's own directory, absolute. */
  readonly location: string;
  /** Of the newest coordinator; undefined when there was none or the log cannot be read. */
  readonly generation: number | undefined;
  /** Ascending by id. */
  readonly checkpoints: readonly SurveyedCheckpoint[];
  /** What is wrong with the commit log; empty when it can be read. */
  readonly logProblems: readonly StateError[];
}

/** How often a survey starts anew because its job took or gave up checkpoints meanwhile. */
const attempts = 4;

/**
 * Looks at everything in a job's directory, changes nothing, and does not stop at what is damaged. Safe while the job runs. Throws
 * FOREIGN_DIRECTORY, CHECKPOINT_DAMAGED for a damaged job.json, INVALID_CONFIGURATION for a malformed job name, IO.
 */
export async function surveyJob(place: JobPlace): Promise<JobSurvey> {
  for (let attempt = 1; ; attempt += 1) {
    const log = await readLog(place);
    const survey = await surveyOnce(place, log);
    const isSuspect = survey.checkpoints.some(({ standing, problem }) => standing === "announced" && problem !== undefined);
    // A manifest may be missing only because the job gave its checkpoint up since the log was read.
    if (!isSuspect || log.state === undefined || attempt === attempts || (await readLog(place)).state?.lastSlot === log.state.lastSlot) {
      return survey;
    }
  }
}

/** A job's commit log and reader for a place. */
export function openPlace({ directory, job, fileSystem }: JobPlace): {
  readonly jobDirectory: JobDirectory;
  readonly log: CommitLog;
  readonly reader: DirectoryCheckpointReader;
} {
  const jobDirectory = new JobDirectory(fileSystem, resolve(directory), job);
  // Nothing is ever appended through this log, so it needs no nonce of its own.
  const log = new CommitLog({ fileSystem, directory: jobDirectory.commits, nonce: () => "reader" });
  return { jobDirectory, log, reader: new DirectoryCheckpointReader(fileSystem, jobDirectory, log) };
}

/** Throws CHECKPOINT_DAMAGED when a commit record is a link, which may lead anywhere, or a pipe, which would be waited for. */
export async function requirePlainRecords(place: JobPlace): Promise<void> {
  const { commits } = openPlace(place).jobDirectory;
  for (const { name, kind } of await place.fileSystem.list(commits)) {
    if (slotOf(name) !== undefined && kind !== "file") {
      throw damaged("not-ours", join(commits, name), "it is not a regular file");
    }
  }
}

/** The log of a job that never ran. */
export const emptyLog: CommitLogState = { lastSlot: 0, firstSlot: 1, generation: 0, oldestCheckpoint: 1, records: new Map() };

interface LogReading {
  readonly state: CommitLogState | undefined;
  readonly problems: readonly StateError[];
  /** Every record that can be read, by slot, also of a damaged log. */
  readonly records: ReadonlyMap<number, CommitRecord>;
}

async function readLog(place: JobPlace): Promise<LogReading> {
  const { jobDirectory, log } = openPlace(place);
  if (!(await jobDirectory.isOurs())) {
    return { state: emptyLog, problems: [], records: emptyLog.records };
  }
  try {
    await requirePlainRecords(place);
    const state = await log.read();
    return { state, problems: [], records: state.records };
  } catch (error) {
    if (!isStateError(error)) {
      throw error;
    }
    return { state: undefined, ...(await readEachRecord(place, jobDirectory.commits, error)) };
  }
}

/** After the log as a whole was refused: every record by itself, so that all damaged ones are named. */
async function readEachRecord({ fileSystem }: JobPlace, commits: string, refusal: StateError): Promise<Omit<LogReading, "state">> {
  const records = new Map<number, CommitRecord>();
  const problems: StateError[] = [];
  const entries = await fileSystem.list(commits).catch(() => []);
  const slots = entries.map(({ name, kind }) => ({ slot: slotOf(name) ?? 0, kind })).filter(({ slot }) => slot > 0);
  for (const { slot, kind } of slots.sort((a, b) => b.slot - a.slot)) {
    const newest = records.get(Math.max(...records.keys()));
    if (newest !== undefined && slot < newest.firstSlot) {
      break;
    }
    const path = join(commits, slotFileName(slot));
    try {
      if (kind !== "file") throw damaged("not-ours", path, "it is not a regular file");
      records.set(slot, decodeCommitRecord(await fileSystem.readFile(path, { maxBytes: commitFormat.maxBytes }), path));
    } catch (error) {
      problems.push(asDamage(error, path));
    }
  }
  // A slot that is missing or out of order is no damaged file; only the refusal says so.
  const isSaid = problems.length > 0;
  return { records, problems: isSaid ? problems.reverse() : [refusal] };
}

async function surveyOnce(place: JobPlace, log: LogReading): Promise<JobSurvey> {
  const { jobDirectory } = openPlace(place);
  const entries = await place.fileSystem.list(jobDirectory.path);
  const present = new Set(entries.flatMap(({ name }) => checkpointIdOf(name) ?? []));
  const announced = new Map((log.state === undefined ? [] : announcedIn(log.state)).map((each) => [each.id, each]));
  const recorded = new Map<number, NonNullable<SurveyedCheckpoint["announcement"]>>();
  for (const [slot, record] of log.records) {
    if (record.kind === "checkpoint") {
      const { checkpoint: id, generation, manifestSha256, atMs } = record;
      recorded.set(id, { id, generation, slot, manifestSha256, ...(atMs === undefined ? {} : { atMs }) });
    }
  }
  const checkpoints: SurveyedCheckpoint[] = [];
  for (const id of [...new Set([...present, ...announced.keys()])].sort((a, b) => a - b)) {
    const standing = standingOf(id, log.state, announced, recorded);
    const announcement = recorded.get(id);
    const facts = { id, standing, ...(announcement === undefined ? {} : { announcement }) };
    const isNeeded = standing === "announced" || (standing === "unknown" && announcement !== undefined);
    checkpoints.push({ ...facts, ...(await manifestOf(place, id, announcement, isNeeded)) });
  }
  const generation = log.state === undefined || log.state.generation === 0 ? undefined : log.state.generation;
  return { job: place.job, location: jobDirectory.path, generation, checkpoints, logProblems: log.problems };
}

function standingOf(
  id: number,
  state: CommitLogState | undefined,
  announced: ReadonlyMap<number, unknown>,
  recorded: ReadonlyMap<number, unknown>,
): CheckpointStanding {
  if (state === undefined) {
    return "unknown";
  }
  if (announced.has(id)) {
    return "announced";
  }
  return id < state.oldestCheckpoint || recorded.has(id) ? "given-up" : "not-announced";
}

/** `isNeeded`: it counts as a problem when there is none. A damaged one always does. */
async function manifestOf(
  place: JobPlace,
  id: number,
  announcement: CompletedCheckpoint | undefined,
  isNeeded: boolean,
): Promise<Pick<SurveyedCheckpoint, "manifest" | "problem">> {
  const { reader } = openPlace(place);
  try {
    if (announcement !== undefined) {
      return { manifest: await reader.readManifest(announcement) };
    }
    const manifest = await readUnannounced(place, id);
    return manifest === undefined ? {} : { manifest };
  } catch (error) {
    const isAbsent = isStateError(error) && error.code === "CHECKPOINT_NOT_FOUND";
    return isAbsent && !isNeeded ? {} : { problem: asDamage(error, openPlace(place).jobDirectory.manifestPath(id)) };
  }
}

/** The manifest of a checkpoint without a commit record, which would say more about it; undefined when there is none yet. */
export async function readUnannounced(place: JobPlace, id: number): Promise<CheckpointManifest | undefined> {
  const { fileSystem } = place;
  const { jobDirectory } = openPlace(place);
  const manifest = await new ManifestFiles(fileSystem, jobDirectory).read(id);
  if (manifest !== undefined) {
    requireManifestOf(manifest, { job: place.job, id, generation: manifest.generation }, jobDirectory.manifestPath(id));
  }
  return manifest;
}

function asDamage(error: unknown, path: string): StateError {
  return isStateError(error) ? error : damaged("shape", path, String(error), error);
}
