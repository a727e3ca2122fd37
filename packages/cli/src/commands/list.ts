import type { CheckpointManifest, JobPlace, JobSurvey, SurveyedCheckpoint } from "@tidemark/core/storage";
import { surveyWithProblems, totalBytes } from "../checkpoint-choice.js";
import { type CommandResult, problemOf } from "../command-result.js";
import { left, right, textTable } from "../text-table.js";
import { formatBytes, formatCount, formatTime, isoTime } from "../units.js";

/** One checkpoint, as `list --json` shows it. Null where it cannot be known. */
interface ListedCheckpoint {
  readonly id: number;
  readonly state: string;
  readonly kind: string | null;
  readonly time: string | null;
  readonly announced: string | null;
  readonly generation: number | null;
  readonly slot: number | null;
  readonly records: number | null;
  readonly files: number | null;
  readonly totalBytes: number | null;
  readonly newBytes: number | null;
  readonly problem: { readonly code: string; readonly message: string } | null;
}

/** `tidemark checkpoint list`. */
export async function list(place: JobPlace): Promise<CommandResult> {
  const { survey, problems } = await surveyWithProblems(place);
  const checkpoints = listed(survey);
  const { job, location, generation } = survey;
  const head = `job ${job} in ${location}, ${generation === undefined ? "no coordinator known" : `generation ${generation}`}`;
  const table = textTable(
    [right("ID"), left("KIND"), left("TIME"), right("GENERATION"), right("RECORDS"), right("TOTAL"), right("NEW"), left("STATE")],
    checkpoints.map((each) => [
      String(each.id), each.kind ?? "-", formatTime(each.time === null ? undefined : Date.parse(each.time)), text(each.generation, String),
      text(each.records, formatCount), text(each.totalBytes, formatBytes), text(each.newBytes, formatBytes), each.state,
    ]),
  );
  const lines = [head, ...(checkpoints.length === 0 ? ["  no checkpoints yet"] : ["", ...table])];
  return { json: { job, location, generation: generation ?? null, checkpoints, problems }, lines, problems };
}

function listed(survey: JobSurvey): ListedCheckpoint[] {
  let before: CheckpointManifest | undefined;
  return survey.checkpoints.map((checkpoint) => {
    const { manifest, announcement } = checkpoint;
    const newBytes = manifest === undefined ? undefined : newBytesOf(manifest, before);
    if (checkpoint.standing !== "not-announced") before = manifest ?? before;
    return {
      id: checkpoint.id,
      state: stateOf(checkpoint),
      kind: manifest?.kind ?? null,
      time: isoTime(manifest?.createdAtMs) ?? null,
      announced: isoTime(announcement?.atMs) ?? null,
      generation: manifest?.generation ?? announcement?.generation ?? null,
      slot: announcement?.slot ?? null,
      records: manifest?.records ?? null,
      files: manifest?.files.length ?? null,
      totalBytes: manifest === undefined ? null : totalBytes(manifest.files),
      newBytes: newBytes ?? null,
      problem: checkpoint.problem === undefined ? null : problemOf(checkpoint.problem),
    };
  });
}

/** Bytes of files that the checkpoint before does not name. All are new in a job's first; otherwise unknown without the one before. */
function newBytesOf(manifest: CheckpointManifest, before: CheckpointManifest | undefined): number | undefined {
  if (before === undefined) {
    return manifest.checkpoint === 1 ? totalBytes(manifest.files) : undefined;
  }
  const known = new Set(before.files.map(({ name }) => name));
  return totalBytes(manifest.files.filter(({ name }) => !known.has(name)));
}

function stateOf({ standing, problem, manifest }: SurveyedCheckpoint): string {
  switch (standing) {
    case "announced":
      return problem === undefined ? "complete" : `damaged: ${problem.code}`;
    case "given-up":
      return "given up";
    case "not-announced":
      return manifest === undefined ? "not completed" : "not announced";
    case "unknown":
      return problem === undefined ? "unknown" : `unknown, damaged: ${problem.code}`;
  }
}

function text<T>(value: T | null, format: (value: T) => string): string {
  return value === null ? "-" : format(value);
}
