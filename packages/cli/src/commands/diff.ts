import type { CheckpointManifest, FileReference, JobPlace } from "@tidemark/core/storage";
import { chosen, manifestOf, surveyWithProblems, totalBytes } from "../checkpoint-choice.js";
import type { CommandResult } from "../command-result.js";
import type { DescribedState } from "../described-state.js";
import { left, right, textTable } from "../text-table.js";
import { counted, formatBytes, formatCount } from "../units.js";
import { statesOfOperator } from "./inspect.js";

interface StateChange {
  readonly operator: string;
  readonly state: string;
  readonly change: "added" | "removed" | "changed";
  /** Null where the state is not there. */
  readonly before: string | null;
  readonly after: string | null;
}

/** `tidemark checkpoint diff`. */
export async function diff(place: JobPlace, firstId: number, secondId: number): Promise<CommandResult> {
  const { survey, problems } = await surveyWithProblems(place);
  const [first, second] = [manifestOf(survey, chosen(survey, firstId)), manifestOf(survey, chosen(survey, secondId))];
  const onlyFirst = without(first, second);
  const onlySecond = without(second, first);
  const shared = first.files.filter((file) => !onlyFirst.includes(file));
  const states = stateChanges(first, second);
  const part = (files: readonly FileReference[]): unknown => ({ files, totalBytes: totalBytes(files) });
  const json = {
    job: survey.job, first: firstId, second: secondId, recordsAdded: second.records - first.records,
    onlyInFirst: part(onlyFirst), onlyInSecond: part(onlySecond), shared: part(shared), states,
  };
  const rows = [
    ...onlyFirst.map(({ name, sizeBytes }) => [`only in ${firstId}`, formatBytes(sizeBytes), name]),
    ...onlySecond.map(({ name, sizeBytes }) => [`only in ${secondId}`, formatBytes(sizeBytes), name]),
    ...shared.map(({ name, sizeBytes }) => ["in both", formatBytes(sizeBytes), name]),
  ];
  const sum = (what: string, files: readonly FileReference[]): string =>
    `  ${what.padEnd(12)}${counted(files.length, "file")}, ${formatBytes(totalBytes(files))}`;
  const lines = [
    `checkpoints ${firstId} and ${secondId} of job ${survey.job}`,
    `  ${"records".padEnd(12)}${formatCount(first.records)} and ${formatCount(second.records)}`,
    sum(`only in ${firstId}`, onlyFirst), sum(`only in ${secondId}`, onlySecond), sum("in both", shared),
    ...stateLines(states),
    ...(rows.length === 0 ? [] : ["", ...textTable([left("WHERE"), right("SIZE"), left("FILE")], rows)]),
  ];
  return { json, lines, problems };
}

/** Files of one that the other does not name with the same contents. */
function without({ files }: CheckpointManifest, other: CheckpointManifest): FileReference[] {
  const known = new Map(other.files.map(({ name, sha256 }) => [name, sha256]));
  return files.filter(({ name, sha256 }) => known.get(name) !== sha256);
}

function stateChanges(first: CheckpointManifest, second: CheckpointManifest): StateChange[] {
  const [before, after] = [statesIn(first), statesIn(second)];
  const changes: StateChange[] = [];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [old, now] = [before.get(key), after.get(key)];
    const { operator, state } = (old ?? now) as { readonly operator: string; readonly state: DescribedState };
    const [was, is] = [old === undefined ? null : signature(old.state), now === undefined ? null : signature(now.state)];
    if (was !== is) {
      const change = was === null ? "added" : is === null ? "removed" : "changed";
      changes.push({ operator, state: state.name, change, before: was, after: is });
    }
  }
  return changes;
}

function statesIn({ operators }: CheckpointManifest): Map<string, { readonly operator: string; readonly state: DescribedState }> {
  return new Map(
    operators.flatMap((operator) =>
      statesOfOperator(operator).map((state) => [JSON.stringify([operator.id, state.name]), { operator: operator.id, state }] as const),
    ),
  );
}

function signature({ id, kind, type, hasTtl }: DescribedState): string {
  return `${kind} ${type}${hasTtl ? ", ttl" : ""} (id ${id})`;
}

function stateLines(states: readonly StateChange[]): string[] {
  if (states.length === 0) {
    return ["  states      the same"];
  }
  const rows = states.map(({ operator, state, change, before, after }) => [change, operator, state, before ?? "-", after ?? "-"]);
  return ["", ...textTable([left("STATES"), left("OPERATOR"), left("NAME"), left("BEFORE"), left("AFTER")], rows)];
}
