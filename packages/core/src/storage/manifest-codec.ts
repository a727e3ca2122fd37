import { StateError } from "../errors/index.js";
import { decodeFramedJson, encodeFramedJson, type DocumentFormat, type JsonObject } from "./framed-json.js";
import { jsonDepthLimit, JsonShape } from "./json-shape.js";
import type {
  CheckpointManifest, FileChain, FileReference, KeyedStateHandle, OperatorState, OperatorStateIds, SubtaskState,
} from "./manifest.js";
import { requireSafeName } from "./names.js";

/** The format of chk-<id>/manifest.json. Connector and backend JSON sits at most 5 levels below the body. */
export const manifestFormat: DocumentFormat = {
  name: "tidemark-checkpoint",
  version: 1,
  maxBytes: 64 * 1024 * 1024,
  maxDepth: jsonDepthLimit + 8,
};

const maxFiles = 262_144;
const maxOperators = 4_096;
const maxParallelismLimit = 32_768;
const maxStateIds = 0xffff;

/**
 * A manifest as the bytes of its file. Throws INVALID_ARGUMENT naming the JSON path of what is wrong, CHECKPOINT_UNSAFE_NAME for a
 * forbidden file name.
 */
export function encodeManifest(manifest: CheckpointManifest): Uint8Array {
  const checked = checkManifest(new JsonShape("INVALID_ARGUMENT", "manifest"), manifest);
  return encodeFramedJson(manifestFormat, checked as unknown as JsonObject);
}

/**
 * Reads and checks a manifest completely before anything in it is used. Throws CHECKPOINT_DAMAGED, CHECKPOINT_VERSION or
 * CHECKPOINT_UNSAFE_NAME; `source` is the file, for messages.
 */
export function decodeManifest(bytes: Uint8Array, source: string): CheckpointManifest {
  return checkManifest(new JsonShape("CHECKPOINT_DAMAGED", source), decodeFramedJson(manifestFormat, bytes, source));
}

/** Rebuilds the manifest from checked parts, so that nothing unchecked passes through. */
function checkManifest(shape: JsonShape, value: unknown): CheckpointManifest {
  const body = shape.object(value, "$", [
    "job", "checkpoint", "generation", "kind", "createdAtMs", "maxParallelism", "records", "operators", "files",
  ]);
  const maxParallelism = shape.integer(body["maxParallelism"], "$.maxParallelism", 1, maxParallelismLimit);
  const files = checkFiles(shape, body["files"]);
  const known = new Set(files.map((file) => file.name));
  const operators = shape
    .array(body["operators"], "$.operators", maxOperators)
    .map((operator, index) => checkOperator(shape, operator, `$.operators[${index}]`, maxParallelism, known));
  requireUnique(shape, operators.map((operator) => operator.id), "$.operators", "operator id");
  return {
    job: shape.text(body["job"], "$.job", 256),
    checkpoint: shape.integer(body["checkpoint"], "$.checkpoint", 1),
    generation: shape.integer(body["generation"], "$.generation", 1),
    kind: shape.oneOf(body["kind"], "$.kind", ["checkpoint", "final"]),
    createdAtMs: shape.integer(body["createdAtMs"], "$.createdAtMs", 0),
    maxParallelism,
    records: shape.integer(body["records"], "$.records", 0),
    operators,
    files,
  };
}

function checkFiles(shape: JsonShape, value: unknown): FileReference[] {
  const files = shape.array(value, "$.files", maxFiles).map((each, index) => {
    const path = `$.files[${index}]`;
    const file = shape.object(each, path, ["name", "sizeBytes", "sha256"]);
    return {
      name: requireSafeName(file["name"], `${path}.name`),
      sizeBytes: shape.integer(file["sizeBytes"], `${path}.sizeBytes`, 0),
      sha256: shape.sha256(file["sha256"], `${path}.sha256`),
    };
  });
  requireUnique(shape, files.map((file) => file.name), "$.files", "file");
  return files;
}

function checkOperator(shape: JsonShape, value: unknown, path: string, maxParallelism: number, known: ReadonlySet<string>): OperatorState {
  const operator = shape.object(value, path, ["id", "parallelism", "subtasks", "stateIds?"]);
  const parallelism = shape.integer(operator["parallelism"], `${path}.parallelism`, 1, maxParallelismLimit);
  const subtasks = shape.array(operator["subtasks"], `${path}.subtasks`, parallelism).map((each, index) => {
    const at = `${path}.subtasks[${index}]`;
    const subtask = shape.object(each, at, ["subtask", "keyed?", "connector?"]);
    return {
      subtask: shape.integer(subtask["subtask"], `${at}.subtask`, 0, parallelism - 1),
      ...(subtask["keyed"] === undefined ? {} : { keyed: checkKeyed(shape, subtask["keyed"], `${at}.keyed`, maxParallelism, known) }),
      ...(subtask["connector"] === undefined ? {} : { connector: shape.json(subtask["connector"], `${at}.connector`) }),
    };
  });
  requireUnique(shape, subtasks.map(({ subtask }) => subtask), `${path}.subtasks`, "subtask");
  requireDisjoint(shape, subtasks, `${path}.subtasks`);
  const stateIds = operator["stateIds"] === undefined ? {} : { stateIds: checkStateIds(shape, operator["stateIds"], `${path}.stateIds`) };
  return { id: shape.text(operator["id"], `${path}.id`, 256), parallelism, subtasks, ...stateIds };
}

function checkKeyed(shape: JsonShape, value: unknown, path: string, maxParallelism: number, known: ReadonlySet<string>): KeyedStateHandle {
  const keyed = shape.object(value, path, ["backend", "keyGroups", "files", "description", "chain?"]);
  const groups = shape.array(keyed["keyGroups"], `${path}.keyGroups`, 2);
  const first = shape.integer(groups[0], `${path}.keyGroups[0]`, 0, maxParallelism - 1);
  const last = shape.integer(groups[1], `${path}.keyGroups[1]`, first, maxParallelism - 1);
  const files = shape.array(keyed["files"], `${path}.files`, maxFiles).map((each, index) => {
    const name = requireSafeName(each, `${path}.files[${index}]`);
    return known.has(name) ? name : shape.fail(`${path}.files[${index}]`, `names ${JSON.stringify(name)}, which $.files does not list`);
  });
  requireUnique(shape, files, `${path}.files`, "file");
  return {
    backend: shape.text(keyed["backend"], `${path}.backend`, 64),
    keyGroups: [first, last],
    files,
    description: shape.json(keyed["description"], `${path}.description`),
    ...(keyed["chain"] === undefined ? {} : { chain: checkChain(shape, keyed["chain"], `${path}.chain`, new Set(files)) }),
  };
}

function checkChain(shape: JsonShape, value: unknown, path: string, files: ReadonlySet<string>): FileChain {
  const chain = shape.object(value, path, ["id", "base"]);
  const base = shape.array(chain["base"], `${path}.base`, maxFiles).map((each, index) => {
    const name = requireSafeName(each, `${path}.base[${index}]`);
    return files.has(name) ? name : shape.fail(`${path}.base[${index}]`, `names ${JSON.stringify(name)}, which the handle's files lack`);
  });
  requireUnique(shape, base, `${path}.base`, "file");
  return { id: shape.text(chain["id"], `${path}.id`, 128), base };
}

function checkStateIds(shape: JsonShape, value: unknown, path: string): OperatorStateIds {
  const ids = shape.object(value, path, ["nextId", "states", "retired"]);
  const nextId = shape.integer(ids["nextId"], `${path}.nextId`, 1, maxStateIds + 1);
  const states = shape.array(ids["states"], `${path}.states`, maxStateIds).map((each, index) => {
    const at = `${path}.states[${index}]`;
    const state = shape.object(each, at, ["id", "name"]);
    return { id: shape.integer(state["id"], `${at}.id`, 1, nextId - 1), name: shape.text(state["name"], `${at}.name`, 256) };
  });
  const retired = shape.array(ids["retired"], `${path}.retired`, maxStateIds).map((each, index) =>
    shape.integer(each, `${path}.retired[${index}]`, 1, nextId - 1),
  );
  requireUnique(shape, states.map(({ name }) => name), `${path}.states`, "state");
  requireUnique(shape, [...states.map(({ id }) => id), ...retired], path, "state id");
  return { nextId, states, retired };
}

function requireUnique(shape: JsonShape, values: readonly (string | number)[], path: string, what: string): void {
  const seen = new Set<string | number>();
  for (const value of values) {
    if (seen.has(value)) {
      shape.fail(path, `lists the ${what} ${JSON.stringify(value)} twice`);
    }
    seen.add(value);
  }
}

/** Two subtasks of an operator that both hold a key group would restore its keys twice. */
function requireDisjoint(shape: JsonShape, subtasks: readonly SubtaskState[], path: string): void {
  const ranges = subtasks.flatMap(({ keyed }) => (keyed === undefined ? [] : [keyed.keyGroups])).sort((a, b) => a[0] - b[0]);
  for (const [index, range] of ranges.entries()) {
    const next = ranges[index + 1];
    if (next !== undefined && next[0] <= range[1]) {
      shape.fail(path, `give key group ${next[0]} to two subtasks`);
    }
  }
}

/** Throws CHECKPOINT_DAMAGED unless the manifest is the one that its place and its commit record say. */
export function requireManifestOf(
  manifest: CheckpointManifest,
  expected: { readonly job: string; readonly id: number; readonly generation: number },
  source: string,
): void {
  const { job, checkpoint, generation } = manifest;
  if (job !== expected.job || checkpoint !== expected.id || generation !== expected.generation) {
    throw new StateError(
      "CHECKPOINT_DAMAGED",
      `${source} is damaged: it is checkpoint ${checkpoint} of generation ${generation} of job ${JSON.stringify(job)}, expected was ` +
        `checkpoint ${expected.id} of generation ${expected.generation} of job ${JSON.stringify(expected.job)}; use another checkpoint`,
      { details: { source, reason: "shape" } },
    );
  }
}
