import type { StateError } from "@tidemark/core/state";
import {
  type CheckpointReader, directoryCheckpointStorage, type FileReference, type JobPlace, type JobSurvey, surveyJob, type SurveyedCheckpoint,
} from "@tidemark/core/storage";
import { chosen, manifestOf, totalBytes } from "../checkpoint-choice.js";
import { type CommandResult, type Problem, problemOf } from "../command-result.js";
import { Progress } from "../progress.js";
import type { Terminal } from "../terminal.js";
import { left, right, textTable } from "../text-table.js";
import { counted, formatBytes } from "../units.js";

/** A file that is not as its checkpoints say. */
interface BadFile extends Problem {
  readonly name: string;
  readonly checkpoints: readonly number[];
}

/** What checkpoints say about one file. Two that disagree make two of these. */
interface Claim {
  readonly file: FileReference;
  readonly checkpoints: number[];
}

/** `tidemark checkpoint verify`: all files of one checkpoint or of all that may be restored; every problem, not only the first. */
export async function verify(
  place: JobPlace,
  id: number | undefined,
  level: "sizes" | "checksums",
  terminal: Terminal,
): Promise<CommandResult> {
  const survey = await surveyJob(place);
  const isRestorable = ({ standing }: SurveyedCheckpoint): boolean => standing === "announced" || standing === "unknown";
  const targets = id === undefined ? survey.checkpoints.filter(isRestorable) : [withManifest(survey, chosen(survey, id))];
  const claims = claimsOf(targets);
  const reader = directoryCheckpointStorage({ directory: place.directory, fileSystem: place.fileSystem }).reader(place.job);
  const badFiles = [...badListsOf(targets), ...(await withoutGivenUp(reader, survey, await checkAll(reader, claims, level, terminal)))];
  // Asked for one checkpoint, the manifests of others are not in question; the log is, since it says what a manifest must be.
  const unreadable = targets.flatMap(({ problem }) => (problem === undefined || listIn(problem) !== undefined ? [] : [problem]));
  const readable = [...survey.logProblems, ...unreadable].map(problemOf);
  const checkpoints = targets.map((target) => verified(target, badFiles));
  const all = [...readable, ...badFiles.map(({ code, message }) => ({ code, message }))];
  const bytes = totalBytes(claims.map(({ file }) => file));
  const { job, location } = survey;
  const isGood = all.length === 0;
  const json = { job, location, level, isGood, files: claims.length, totalBytes: bytes, checkpoints, badFiles, problems: readable };
  const rows = checkpoints.map((each) => [String(each.id), String(each.files), formatBytes(each.totalBytes), resultText(each)]);
  const what = `${counted(claims.length, "file")}, ${formatBytes(bytes)}, ${level === "sizes" ? "sizes only" : "sizes and SHA-256"}`;
  const lines = [
    `job ${job} in ${location}`,
    ...(rows.length === 0 ? ["  no checkpoints to verify"] : textTable([right("ID"), right("FILES"), right("SIZE"), left("RESULT")], rows)),
    `checked ${what}: ${isGood ? "all good" : counted(all.length, "problem")}`,
  ];
  return { json, lines, problems: all };
}

/** Throws UsageError for an attempt that was never completed: there is nothing to verify. */
function withManifest(survey: JobSurvey, checkpoint: SurveyedCheckpoint): SurveyedCheckpoint {
  if (checkpoint.problem === undefined) manifestOf(survey, checkpoint);
  return checkpoint;
}

/** What came out for one checkpoint. */
interface VerifiedCheckpoint {
  readonly id: number;
  readonly isGood: boolean;
  readonly files: number;
  readonly totalBytes: number;
  readonly badFiles: readonly string[];
  /** Why its manifest cannot be read. */
  readonly problem: Problem | null;
}

function verified({ id, manifest, problem }: SurveyedCheckpoint, bad: readonly BadFile[]): VerifiedCheckpoint {
  const badFiles = bad.filter(({ checkpoints }) => checkpoints.includes(id)).map(({ name }) => name);
  const files = manifest?.files ?? [];
  return {
    id,
    isGood: problem === undefined && badFiles.length === 0,
    files: files.length,
    totalBytes: totalBytes(files),
    badFiles,
    problem: problem === undefined ? null : problemOf(problem),
  };
}

function resultText({ isGood, problem, badFiles, files }: VerifiedCheckpoint): string {
  if (problem !== null) {
    return `manifest: ${problem.code}`;
  }
  return isGood ? (files === 0 ? "good, without files" : "good") : `${counted(badFiles.length, "bad file")}: ${badFiles.join(", ")}`;
}

/** The file whose damage keeps a manifest from being read: the list of a base. */
function listIn({ code, details }: StateError): string | undefined {
  const name = details["name"];
  return code.startsWith("CHECKPOINT_FILE_") && typeof name === "string" ? name : undefined;
}

/** What else the checkpoints need is not known where their list is bad. */
function badListsOf(targets: JobSurvey["checkpoints"]): BadFile[] {
  const bad = new Map<string, BadFile & { readonly checkpoints: number[] }>();
  for (const { id, problem } of targets) {
    const name = problem === undefined ? undefined : listIn(problem);
    if (name === undefined) continue;
    const file = bad.get(name) ?? { name, checkpoints: [], ...problemOf(problem) };
    file.checkpoints.push(id);
    bad.set(name, file);
  }
  return [...bad.values()];
}

function claimsOf(targets: JobSurvey["checkpoints"]): Claim[] {
  const claims = new Map<string, Claim>();
  for (const { id, manifest } of targets) {
    for (const file of manifest?.files ?? []) {
      const key = `${file.name} ${file.sizeBytes} ${file.sha256}`;
      const claim = claims.get(key) ?? { file, checkpoints: [] };
      claim.checkpoints.push(id);
      claims.set(key, claim);
    }
  }
  return [...claims.values()];
}

async function checkAll(
  reader: CheckpointReader,
  claims: readonly Claim[],
  level: "sizes" | "checksums",
  terminal: Terminal,
): Promise<BadFile[]> {
  const bad: BadFile[] = [];
  const progress = new Progress(terminal, "verifying", totalBytes(claims.map(({ file }) => file)));
  for (const { file, checkpoints } of claims) {
    try {
      await reader.verifyFile(file, level);
    } catch (error) {
      bad.push({ name: file.name, checkpoints, ...problemOf(error) });
    }
    progress.add(file.sizeBytes);
  }
  progress.end();
  return bad;
}

/** A running job may have given a checkpoint up while its files were read; then they are gone on purpose. */
async function withoutGivenUp(reader: CheckpointReader, survey: JobSurvey, bad: readonly BadFile[]): Promise<BadFile[]> {
  if (bad.length === 0 || survey.logProblems.length > 0) {
    return [...bad];
  }
  const now = new Set((await reader.list()).map(({ id }) => id));
  const gone = new Set(survey.checkpoints.filter(({ id, standing }) => standing === "announced" && !now.has(id)).map(({ id }) => id));
  return bad.flatMap((file) => {
    const checkpoints = file.checkpoints.filter((id) => !gone.has(id));
    return checkpoints.length === 0 ? [] : [{ ...file, checkpoints }];
  });
}
