import type { CheckpointManifest, JobPlace, JobSurvey, KeyedStateHandle, OperatorState, SurveyedCheckpoint } from "@tidemark/core/storage";
import { chosen, manifestOf, namesIn, surveyWithProblems, totalBytes } from "../checkpoint-choice.js";
import { type CommandResult, UsageError } from "../command-result.js";
import { type DescribedState, type FilePart, partsOf, statesOf } from "../described-state.js";
import { clipped } from "../printable.js";
import { left, right, textTable } from "../text-table.js";
import { counted, formatBytes, formatCount, formatTime, isoTime } from "../units.js";

interface InspectedFile extends Partial<FilePart> {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Other checkpoints that name it. */
  readonly sharedWith: readonly number[];
}

/** `tidemark checkpoint inspect`. */
export async function inspect(place: JobPlace, id: number | undefined): Promise<CommandResult> {
  const { survey, problems } = await surveyWithProblems(place);
  if (survey.logProblems.length > 0 && id === undefined) {
    throw new UsageError(`${survey.logProblems[0]?.message ?? ""}; so the newest checkpoint is not known, give an id`);
  }
  const checkpoint = chosen(survey, id);
  const manifest = manifestOf(survey, checkpoint);
  const files = inspectedFiles(manifest, survey);
  const own = totalBytes(files.filter(({ sharedWith }) => sharedWith.length === 0));
  const sizes = { totalBytes: totalBytes(files), ownBytes: own, sharedBytes: totalBytes(files) - own };
  const operators = manifest.operators.map((operator) => ({
    id: operator.id,
    parallelism: operator.parallelism,
    subtasks: operator.subtasks.map(({ subtask, keyed, connector }) => ({
      subtask,
      ...(keyed === undefined ? {} : { backend: keyed.backend, keyGroups: keyed.keyGroups, files: keyed.files }),
      ...(connector === undefined ? {} : { connector }),
    })),
    states: statesOfOperator(operator),
  }));
  const { kind, createdAtMs, generation, records, maxParallelism } = manifest;
  const json = {
    job: survey.job, location: survey.location, id: checkpoint.id, state: checkpoint.standing, kind, time: isoTime(createdAtMs) ?? null,
    announced: isoTime(checkpoint.announcement?.atMs) ?? null, slot: checkpoint.announcement?.slot ?? null, generation, records,
    maxParallelism, ...sizes, operators, files,
  };
  const lines = [
    ...headLines(survey, checkpoint, manifest, sizes, files.length),
    ...manifest.operators.flatMap((operator) => operatorLines(operator, manifest)),
    ...fileLines(files),
  ];
  return { json, lines, problems };
}

function inspectedFiles(manifest: CheckpointManifest, survey: JobSurvey): InspectedFile[] {
  const naming = namesIn(survey);
  const lists = (manifest.baseLists ?? []).map(({ file }): [string, FilePart] => [file, { part: "list of the base" }]);
  const parts = new Map([...keyedOf(manifest).flatMap((keyed) => [...partsOf(keyed)]), ...lists]);
  return manifest.files.map(({ name, sizeBytes, sha256 }) => {
    const sharedWith = (naming.get(name) ?? []).filter((id) => id !== manifest.checkpoint);
    return { name, sizeBytes, sha256, ...parts.get(name), sharedWith };
  });
}

function keyedOf({ operators }: CheckpointManifest): KeyedStateHandle[] {
  return operators.flatMap(({ subtasks }) => subtasks.flatMap(({ keyed }) => keyed ?? []));
}

/** The states of all subtasks, each once: one may know states that another has not met yet. */
export function statesOfOperator({ subtasks }: OperatorState): DescribedState[] {
  const states = new Map<number, DescribedState>();
  for (const state of subtasks.flatMap(({ keyed }) => (keyed === undefined ? [] : statesOf(keyed)))) {
    const known = states.get(state.id);
    if (known === undefined || known.schemaCount < state.schemaCount) states.set(state.id, state);
  }
  return [...states.values()].sort((a, b) => a.id - b.id);
}

function headLines(
  survey: JobSurvey,
  { id, standing, announcement }: SurveyedCheckpoint,
  manifest: CheckpointManifest,
  sizes: { readonly totalBytes: number; readonly ownBytes: number; readonly sharedBytes: number },
  fileCount: number,
): string[] {
  const slot = announcement === undefined ? "" : ` in slot ${announcement.slot} at ${formatTime(announcement.atMs)}`;
  const state = standing === "announced" ? `complete, announced${slot}` : standing.replace("-", " ");
  const { totalBytes: total, ownBytes, sharedBytes } = sizes;
  return [
    `checkpoint ${id} of job ${survey.job} in ${survey.location}`,
    `  state         ${state}`,
    `  kind          ${manifest.kind}, generation ${manifest.generation}`,
    `  time          ${formatTime(manifest.createdAtMs)}`,
    `  records       ${formatCount(manifest.records)}`,
    `  key groups    ${manifest.maxParallelism}`,
    `  size          ${formatBytes(total)} in ${counted(fileCount, "file")}: ${formatBytes(ownBytes)} only here, ` +
      `${formatBytes(sharedBytes)} shared with other checkpoints`,
  ];
}

function operatorLines(operator: OperatorState, manifest: CheckpointManifest): string[] {
  const sizes = new Map(manifest.files.map(({ name, sizeBytes }) => [name, sizeBytes]));
  const keyed = operator.subtasks.filter((subtask) => subtask.keyed !== undefined);
  const lines = ["", `operator ${operator.id}, parallelism ${operator.parallelism}`];
  if (keyed.length > 0) {
    const rows = keyed.map(({ subtask, keyed: handle }) => {
      const { backend = "", keyGroups = [0, 0], files = [] } = handle ?? {};
      const bytes = files.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
      return [String(subtask), `${keyGroups[0]}-${keyGroups[1]}`, backend, String(files.length), formatBytes(bytes)];
    });
    lines.push(...textTable([right("SUBTASK"), right("KEY GROUPS"), left("BACKEND"), right("FILES"), right("SIZE")], rows));
  }
  const states = statesOfOperator(operator);
  if (states.length > 0) {
    const rows = states.map(({ id, name, kind, type, hasTtl }) => [String(id), name, kind, hasTtl ? "yes" : "no", type]);
    lines.push("", ...textTable([right("ID"), left("STATE"), left("KIND"), left("TTL"), left("TYPE")], rows));
  }
  for (const { subtask, connector } of operator.subtasks) {
    if (connector !== undefined) lines.push(`  subtask ${subtask} stored ${clipped(JSON.stringify(connector), 110)}`);
  }
  return lines;
}

function fileLines(files: readonly InspectedFile[]): string[] {
  if (files.length === 0) {
    return ["", "no files"];
  }
  const hasKeys = files.some(({ keys }) => keys !== undefined);
  const keysOf = ({ keys }: InspectedFile): string => (keys === undefined ? "-" : `${clipped(keys[0], 19)} to ${clipped(keys[1], 19)}`);
  const columns = [left("NAME"), right("SIZE"), left("PART"), ...(hasKeys ? [left("KEYS")] : []), left("ALSO IN")];
  const rows = files.map((file) => [
    file.name, formatBytes(file.sizeBytes), file.part ?? "-", ...(hasKeys ? [keysOf(file)] : []), file.sharedWith.join(", "),
  ]);
  return ["", "files", ...textTable(columns, rows)];
}
