import { StateError } from "../errors/index.js";
import { type BaseList, baseListFormat, checkFiles, maxFiles, requireUnique } from "./base-list.js";
import { chainsIn } from "./chain-retention.js";
import { decodeCompressedJson, encodeCompressedJson } from "./compressed-json.js";
import type { DocumentFormat, JsonObject } from "./framed-json.js";
import { jsonDepthLimit, JsonShape } from "./json-shape.js";
import type {
  BaseListName, CheckpointManifest, FileChain, FileReference, Json, KeyedStateHandle, OperatorState, OperatorStateIds, SubtaskState,
} from "./manifest.js";
import { requireSafeName } from "./names.js";

/** The format of chk-<id>/manifest.json.gz. Connector and backend JSON sits at most 5 levels below the body. */
export const manifestFormat: DocumentFormat = {
  name: "tidemark-checkpoint",
  version: 2,
  maxBytes: 64 * 1024 * 1024,
  maxDepth: jsonDepthLimit + 8,
};

const maxOperators = 4_096;
const maxParallelismLimit = 32_768;
const maxStateIds = 0xffff;

/** The lists of a manifest by the chain whose base they list. */
export type BaseListsByChain = ReadonlyMap<string, BaseList>;

const none: BaseListsByChain = new Map();

/** A manifest as its file has it. */
export interface StoredManifest {
  /** The lists that have to be read to complete it. */
  readonly lists: readonly { readonly chain: string; readonly file: FileReference; readonly unpackedBytes: number }[];
  /** Checks everything. Throws CHECKPOINT_DAMAGED or CHECKPOINT_UNSAFE_NAME. */
  complete(lists: BaseListsByChain): CheckpointManifest;
}

/**
 * A manifest as the bytes of its file. Throws INVALID_ARGUMENT naming the JSON path of what is wrong, CHECKPOINT_UNSAFE_NAME for a
 * forbidden file name.
 */
export function encodeManifest(manifest: CheckpointManifest): Uint8Array {
  const checked = checkManifest(new JsonShape("INVALID_ARGUMENT", "manifest"), manifest);
  return encodeCompressedJson(manifestFormat, withoutBases(checked) as unknown as JsonObject);
}

/** Reads a manifest up to its lists. Throws CHECKPOINT_DAMAGED, CHECKPOINT_VERSION or CHECKPOINT_UNSAFE_NAME. */
export function decodeStoredManifest(bytes: Uint8Array, source: string): StoredManifest {
  const shape = new JsonShape("CHECKPOINT_DAMAGED", source);
  const body = decodeCompressedJson(manifestFormat, bytes, source);
  const files = new Map(checkFiles(shape, body["files"], "$.files").map((file) => [file.name, file]));
  const names = checkListNames(shape, body["baseLists"], new Set(files.keys()));
  return {
    lists: names.map((list) => ({ ...list, file: files.get(list.file) as FileReference })),
    complete: (lists) => checkManifest(shape, body, lists),
  };
}

/**
 * Reads and checks a manifest completely before anything in it is used. Throws CHECKPOINT_DAMAGED, CHECKPOINT_VERSION or
 * CHECKPOINT_UNSAFE_NAME; `source` is the file, for messages.
 */
export function decodeManifest(bytes: Uint8Array, source: string, lists: BaseListsByChain = none): CheckpointManifest {
  return decodeStoredManifest(bytes, source).complete(lists);
}

/** What a manifest's file leaves to the lists of bases. */
function withoutBases({ files, operators, baseLists = [], ...rest }: CheckpointManifest): unknown {
  const listed = new Set(baseLists.map(({ chain }) => chain));
  const inBases = new Set<string>();
  const stored = operators.map((operator) => ({
    ...operator,
    subtasks: operator.subtasks.map((subtask) => {
      const { keyed } = subtask;
      if (keyed?.chain === undefined || !listed.has(keyed.chain.id)) return subtask;
      const base = new Set(keyed.chain.base);
      for (const name of base) inBases.add(name);
      return { ...subtask, keyed: { ...keyed, files: keyed.files.filter((name) => !base.has(name)), chain: { id: keyed.chain.id } } };
    }),
  }));
  const lists = baseLists.length === 0 ? {} : { baseLists };
  return { ...rest, operators: stored, files: files.filter(({ name }) => !inBases.has(name)), ...lists };
}

/**
 * Rebuilds the manifest from checked parts, so that nothing unchecked passes through. With `lists` it is the contents of a file, to be
 * completed with them; without, it is complete.
 */
function checkManifest(shape: JsonShape, value: unknown, lists?: BaseListsByChain): CheckpointManifest {
  const body = shape.object(value, "$", [
    "job", "checkpoint", "generation", "kind", "createdAtMs", "maxParallelism", "records", "operators", "files", "baseLists?",
  ]);
  const maxParallelism = shape.integer(body["maxParallelism"], "$.maxParallelism", 1, maxParallelismLimit);
  const files = withListed(shape, checkFiles(shape, body["files"], "$.files"), lists ?? none);
  const known = new Set(files.map((file) => file.name));
  const baseLists = checkListNames(shape, body["baseLists"], known);
  const form: Form = { maxParallelism, known, lists };
  const operators = shape
    .array(body["operators"], "$.operators", maxOperators)
    .map((operator, index) => checkOperator(shape, operator, `$.operators[${index}]`, form));
  requireUnique(shape, operators.map((operator) => operator.id), "$.operators", "operator id");
  requireLists(shape, operators, baseLists);
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
    ...(baseLists.length === 0 ? {} : { baseLists }),
  };
}

/** What the parts of a manifest are checked against. */
interface Form {
  readonly maxParallelism: number;
  /** Names in `$.files` and in the lists. */
  readonly known: ReadonlySet<string>;
  readonly lists: BaseListsByChain | undefined;
}

/** The files of the bases first; several bases may share files. */
function withListed(shape: JsonShape, files: readonly FileReference[], lists: BaseListsByChain): FileReference[] {
  const all = new Map<string, FileReference>();
  for (const file of [...[...lists.values()].flatMap((list) => list.files), ...files]) {
    const { sizeBytes, sha256 } = all.get(file.name) ?? file;
    if (sizeBytes !== file.sizeBytes || sha256 !== file.sha256) shape.fail("$.files", `describe ${file.name} in two ways`);
    all.set(file.name, file);
  }
  if (all.size > maxFiles) shape.fail("$.files", `are ${all.size} with those of bases, the limit is ${maxFiles}`);
  return [...all.values()];
}

function checkListNames(shape: JsonShape, value: unknown, known: ReadonlySet<string>): BaseListName[] {
  if (value === undefined) return [];
  const names = shape.array(value, "$.baseLists", maxFiles).map((each, index) => {
    const path = `$.baseLists[${index}]`;
    const list = shape.object(each, path, ["chain", "file", "unpackedBytes"]);
    const file = requireSafeName(list["file"], `${path}.file`);
    if (!known.has(file)) shape.fail(`${path}.file`, `names ${JSON.stringify(file)}, which $.files does not list`);
    const unpackedBytes = shape.integer(list["unpackedBytes"], `${path}.unpackedBytes`, 1, baseListFormat.maxBytes);
    return { chain: shape.text(list["chain"], `${path}.chain`, 128), file, unpackedBytes };
  });
  const { maxBytes } = baseListFormat;
  const totalBytes = names.reduce((sum, { unpackedBytes }) => sum + unpackedBytes, 0);
  if (totalBytes > maxBytes) shape.fail("$.baseLists", `unpack to ${totalBytes} bytes, the limit is ${maxBytes}`);
  requireUnique(shape, names.map(({ chain }) => chain), "$.baseLists", "chain");
  return names;
}

/** A base is listed where it has a description, and nowhere else. */
function requireLists(shape: JsonShape, operators: readonly OperatorState[], baseLists: readonly BaseListName[]): void {
  const described = chainsIn(operators).filter(({ description }) => description !== undefined).map(({ id }) => id);
  requireUnique(shape, described, "$.operators", "chain");
  const listed = new Set(baseLists.map(({ chain }) => chain));
  const missing = described.find((id) => !listed.has(id));
  if (missing !== undefined) shape.fail("$.baseLists", `lack the chain ${JSON.stringify(missing)}`);
  if (listed.size > described.length) shape.fail("$.baseLists", "have a chain that no handle describes");
}

function checkOperator(shape: JsonShape, value: unknown, path: string, form: Form): OperatorState {
  const operator = shape.object(value, path, ["id", "parallelism", "subtasks", "stateIds?"]);
  const parallelism = shape.integer(operator["parallelism"], `${path}.parallelism`, 1, maxParallelismLimit);
  const subtasks = shape.array(operator["subtasks"], `${path}.subtasks`, parallelism).map((each, index) => {
    const at = `${path}.subtasks[${index}]`;
    const subtask = shape.object(each, at, ["subtask", "keyed?", "connector?"]);
    return {
      subtask: shape.integer(subtask["subtask"], `${at}.subtask`, 0, parallelism - 1),
      ...(subtask["keyed"] === undefined ? {} : { keyed: checkKeyed(shape, subtask["keyed"], `${at}.keyed`, form) }),
      ...(subtask["connector"] === undefined ? {} : { connector: shape.json(subtask["connector"], `${at}.connector`) }),
    };
  });
  requireUnique(shape, subtasks.map(({ subtask }) => subtask), `${path}.subtasks`, "subtask");
  requireDisjoint(shape, subtasks, `${path}.subtasks`);
  const stateIds = operator["stateIds"] === undefined ? {} : { stateIds: checkStateIds(shape, operator["stateIds"], `${path}.stateIds`) };
  return { id: shape.text(operator["id"], `${path}.id`, 256), parallelism, subtasks, ...stateIds };
}

function checkKeyed(shape: JsonShape, value: unknown, path: string, { maxParallelism, known, lists }: Form): KeyedStateHandle {
  const keyed = shape.object(value, path, ["backend", "keyGroups", "files", "description", "chain?"]);
  const groups = shape.array(keyed["keyGroups"], `${path}.keyGroups`, 2);
  const first = shape.integer(groups[0], `${path}.keyGroups[0]`, 0, maxParallelism - 1);
  const last = shape.integer(groups[1], `${path}.keyGroups[1]`, first, maxParallelism - 1);
  const own = shape.array(keyed["files"], `${path}.files`, maxFiles).map((each, index) => {
    const name = requireSafeName(each, `${path}.files[${index}]`);
    return known.has(name) ? name : shape.fail(`${path}.files[${index}]`, `names ${JSON.stringify(name)}, which $.files does not list`);
  });
  const isListed = lists !== undefined && isInList(keyed["chain"]);
  const chain = isListed ? listedChain(shape, keyed["chain"], `${path}.chain`, lists) : undefined;
  const files = [...(chain?.base ?? []), ...own];
  requireUnique(shape, files, `${path}.files`, "file");
  return {
    backend: shape.text(keyed["backend"], `${path}.backend`, 64),
    keyGroups: [first, last],
    files,
    description: shape.json(keyed["description"], `${path}.description`),
    ...(keyed["chain"] === undefined
      ? {}
      : { chain: chain ?? checkChain(shape, keyed["chain"], `${path}.chain`, new Set(files), lists === undefined) }),
  };
}

/** A chain whose base is in a list. */
function isInList(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Object.hasOwn(value, "base");
}

function listedChain(shape: JsonShape, value: unknown, path: string, lists: BaseListsByChain): FileChain {
  const id = shape.text(shape.object(value, path, ["id"])["id"], `${path}.id`, 128);
  const list = lists.get(id) ?? shape.fail(`${path}.base`, "is missing, and $.baseLists do not have the chain");
  return { id, base: list.files.map(({ name }) => name), description: list.description };
}

function checkChain(shape: JsonShape, value: unknown, path: string, files: ReadonlySet<string>, mayDescribe: boolean): FileChain {
  const chain = shape.object(value, path, mayDescribe ? ["id", "base", "description?"] : ["id", "base"]);
  const base = shape.array(chain["base"], `${path}.base`, maxFiles).map((each, index) => {
    const name = requireSafeName(each, `${path}.base[${index}]`);
    return files.has(name) ? name : shape.fail(`${path}.base[${index}]`, `names ${JSON.stringify(name)}, which the handle's files lack`);
  });
  requireUnique(shape, base, `${path}.base`, "file");
  // Not looked at: it is not part of this file, and whoever writes its list checks it.
  const description = chain["description"] === undefined ? {} : { description: chain["description"] as Json };
  return { id: shape.text(chain["id"], `${path}.id`, 128), base, ...description };
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
