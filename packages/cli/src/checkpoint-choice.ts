import { type CheckpointManifest, type JobPlace, type JobSurvey, surveyJob, type SurveyedCheckpoint } from "@tidemark/core/storage";
import { type Problem, problemOf, UsageError } from "./command-result.js";

/** "7" -> 7. Throws UsageError for anything else than a whole number from 1. */
export function parseId(text: string): number {
  const id = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(id) || id < 1) {
    throw new UsageError(`"${text}" is no checkpoint id: give a whole number from 1, as \`tidemark checkpoint list\` shows them`);
  }
  return id;
}

/** The checkpoint with an id; without one the newest that is complete. Throws UsageError when there is none. */
export function chosen(survey: JobSurvey, id: number | undefined): SurveyedCheckpoint {
  const isCandidate = ({ standing }: SurveyedCheckpoint): boolean => standing === "announced" || standing === "unknown";
  const found = id === undefined ? survey.checkpoints.findLast(isCandidate) : survey.checkpoints.find((each) => each.id === id);
  if (found === undefined) {
    const ids = survey.checkpoints.map((each) => each.id).join(", ");
    const what = id === undefined ? "no complete checkpoint" : `no checkpoint ${id}`;
    throw new UsageError(`job "${survey.job}" has ${what}; there is: ${ids === "" ? "none" : ids}`);
  }
  return found;
}

/** A checkpoint's manifest. Throws why there is none. */
export function manifestOf(survey: JobSurvey, checkpoint: SurveyedCheckpoint): CheckpointManifest {
  if (checkpoint.manifest === undefined) {
    throw checkpoint.problem ?? new UsageError(`checkpoint ${checkpoint.id} of job "${survey.job}" was not completed and has no manifest`);
  }
  return checkpoint.manifest;
}

/** A survey with what is wrong about it: the log, and manifests that somebody may want to restore. */
export async function surveyWithProblems(place: JobPlace): Promise<{ readonly survey: JobSurvey; readonly problems: Problem[] }> {
  const survey = await surveyJob(place);
  const isNeeded = ({ standing }: SurveyedCheckpoint): boolean => standing === "announced" || standing === "unknown";
  const damages = survey.checkpoints.filter(isNeeded).flatMap(({ problem }) => problem ?? []);
  return { survey, problems: [...survey.logProblems, ...damages].map(problemOf) };
}

/** For each file the ids of the checkpoints that name it and are not given up. */
export function namesIn(survey: JobSurvey): Map<string, number[]> {
  const naming = new Map<string, number[]>();
  for (const { id, manifest, standing } of survey.checkpoints) {
    if (standing !== "given-up") {
      for (const { name } of manifest?.files ?? []) naming.set(name, [...(naming.get(name) ?? []), id]);
    }
  }
  return naming;
}

/** Sum of files' sizes. */
export function totalBytes(files: readonly { readonly sizeBytes: number }[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
