import { describe, expect, test } from "vitest";
import { isStateError } from "../errors/index.js";
import { encodeCompressedJson } from "./compressed-json.js";
import type { JsonObject } from "./framed-json.js";
import type { CheckpointManifest } from "./manifest.js";
import { decodeManifest, encodeManifest, manifestFormat, requireManifestOf } from "./manifest-codec.js";

const sha256 = "a".repeat(64);
const manifest: CheckpointManifest = {
  job: "word-count",
  checkpoint: 42,
  generation: 3,
  kind: "checkpoint",
  createdAtMs: 1_700_000_000_000,
  maxParallelism: 128,
  records: 1_000,
  operators: [
    { id: "source", parallelism: 1, subtasks: [{ subtask: 0, connector: { offset: 12, path: "a/b" } }] },
    {
      id: "count",
      parallelism: 2,
      subtasks: [
        { subtask: 0, keyed: { backend: "rocksdb", keyGroups: [0, 63], files: ["3-0-1.sst"], description: { levels: [0, null] } } },
        {
          subtask: 1,
          keyed: {
            backend: "rocksdb",
            keyGroups: [64, 127],
            files: ["3-1-1.sst", "3-0-1.sst"],
            description: [],
            chain: { id: "3-count-1", base: ["3-0-1.sst"] },
          },
        },
      ],
      stateIds: { nextId: 5, states: [{ id: 1, name: "sum" }, { id: 3, name: "timer" }], retired: [2, 4] },
    },
  ],
  files: [{ name: "3-0-1.sst", sizeBytes: 10, sha256 }, { name: "3-1-1.sst", sizeBytes: 0, sha256 }],
};

type Draft = Record<string, unknown>;
type Change = (copy: Draft) => void;

function changed(change: Change): JsonObject {
  const copy = structuredClone(manifest);
  change(copy as unknown as Draft);
  return copy as unknown as JsonObject;
}

/** Puts `value` at "operators.0.id"; undefined removes what is there. */
function put(path: string, value: unknown): Change {
  return (copy) => {
    const keys = path.split(".");
    const last = keys.pop() as string;
    let place: Draft = copy;
    for (const key of keys) {
      place = place[key] as Draft;
    }
    if (value === undefined) {
      delete place[last];
    } else {
      place[last] = value;
    }
  };
}

function codeOf(action: () => unknown): { code: string; message: string } {
  try {
    action();
  } catch (error) {
    if (isStateError(error)) {
      return { code: error.code, message: error.message };
    }
    throw error;
  }
  return { code: "accepted", message: "" };
}

const subtaskPath = "$.operators[1].subtasks[0]";
const malformed: [what: string, change: Change, path: string][] = [
  ["missing", put("records", undefined), "$.records is missing"],
  ["unknown property", put("extra", 1), "$ has the unknown property"],
  ["unknown property with a mark", put("operators.0.stateIds?", 1), "$.operators[0] has the unknown property"],
  ["negative size", put("files.0.sizeBytes", -1), "$.files[0].sizeBytes"],
  ["fraction", put("checkpoint", 1.5), "$.checkpoint"],
  ["not safe", put("records", 2 ** 53), "$.records"],
  ["checkpoint 0", put("checkpoint", 0), "$.checkpoint"],
  ["generation as text", put("generation", "3"), "$.generation"],
  ["kind", put("kind", "savepoint"), "$.kind"],
  ["upper-case hash", put("files.0.sha256", "A".repeat(64)), "$.files[0].sha256"],
  ["short hash", put("files.1.sha256", "aa"), "$.files[1].sha256"],
  ["same file twice", put("files.1.name", "3-0-1.sst"), "$.files lists"],
  ["unlisted file", put("files", [manifest.files[0]]), "$.operators[1].subtasks[1].keyed.files[0]"],
  ["handle lists twice", put("operators.1.subtasks.0.keyed.files", ["3-0-1.sst", "3-0-1.sst"]), `${subtaskPath}.keyed.files`],
  ["key groups reversed", put("operators.1.subtasks.0.keyed.keyGroups", [5, 4]), `${subtaskPath}.keyed.keyGroups[1]`],
  ["key group too high", put("operators.1.subtasks.1.keyed.keyGroups", [64, 128]), "keyed.keyGroups[1]"],
  ["key groups shared", put("operators.1.subtasks.1.keyed.keyGroups", [63, 127]), "give key group 63 to two"],
  ["three key groups", put("operators.1.subtasks.0.keyed.keyGroups", [0, 1, 2]), "has 3 elements"],
  ["huge parallelism", put("maxParallelism", 1e6), "$.maxParallelism"],
  ["more subtasks than parallelism", put("operators.1.parallelism", 1), "$.operators[1].subtasks has 2"],
  ["subtask twice", put("operators.1.subtasks.1.subtask", 0), "lists the subtask 0 twice"],
  ["subtask too high", put("operators.0.subtasks.0.subtask", 1), "$.operators[0].subtasks[0].subtask"],
  ["operator twice", put("operators.1.id", "source"), "operator id"],
  ["empty operator id", put("operators.0.id", ""), "$.operators[0].id"],
  ["control character", put("job", "a\u0000b"), "$.job"],
  ["operators as object", put("operators", {}), "$.operators must be an array"],
  ["subtask null", put("operators.0.subtasks.0", null), "$.operators[0].subtasks[0] must be an object"],
  ["deep connector", put("operators.0.subtasks.0.connector", nested(65)), "nests deeper than 64"],
  ["chain without a base", put("operators.1.subtasks.1.keyed.chain", { id: "x" }), "keyed.chain.base is missing"],
  ["chain without an id", put("operators.1.subtasks.1.keyed.chain.id", ""), "keyed.chain.id"],
  ["base outside the handle", put("operators.1.subtasks.0.keyed.chain", { id: "x", base: ["3-1-1.sst"] }), "the handle's files lack"],
  ["base file twice", put("operators.1.subtasks.1.keyed.chain.base", ["3-0-1.sst", "3-0-1.sst"]), "keyed.chain.base lists"],
  ["state id above the next", put("operators.1.stateIds.states.0.id", 5), "$.operators[1].stateIds.states[0].id"],
  ["state id 0", put("operators.1.stateIds.retired", [0]), "$.operators[1].stateIds.retired[0]"],
  ["state id twice", put("operators.1.stateIds.states.1.id", 1), "lists the state id 1 twice"],
  ["retired id in use", put("operators.1.stateIds.retired", [3]), "lists the state id 3 twice"],
  ["state twice", put("operators.1.stateIds.states.1.name", "sum"), 'lists the state "sum" twice'],
  ["no next id", put("operators.1.stateIds.nextId", undefined), "nextId is missing"],
  ["huge next id", put("operators.1.stateIds.nextId", 70_000), "nextId"],
  ["huge count", put("files", Array.from({ length: 262_145 }, () => manifest.files[0])), "the limit is 262144"],
];

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

describe("manifest", () => {
  test("comes back equal, also with 64 levels of JSON", () => {
    expect(decodeManifest(encodeManifest(manifest), "file")).toEqual(manifest);
    const deep = changed(put("operators.0.subtasks.0.connector", nested(64))) as unknown as CheckpointManifest;
    expect(decodeManifest(encodeManifest(deep), "file")).toEqual(deep);
  });

  test.each(malformed)("rule 14: %s is refused when read and when written, with its path", (_what, change, path) => {
    const value = changed(change);
    const read = codeOf(() => decodeManifest(encodeCompressedJson({ ...manifestFormat, maxBytes: 2 ** 30 }, value), "file"));
    expect(read.code).toBe("CHECKPOINT_DAMAGED");
    expect(read.message).toContain(path);
    const written = codeOf(() => encodeManifest(value as unknown as CheckpointManifest));
    expect(written.code).toBe("INVALID_ARGUMENT");
    expect(written.message).toContain(path);
  });

  const long = "x".repeat(129);
  const unsafe = ["../x", "/etc/passwd", "a/b", "a\\b", "..", ".", "", ".hidden", "-x", "a b", "a\u0000", "ä", "C:x", long, 7, null];
  test.each(unsafe)("rule 16: the file name %j is refused", (name) => {
    const value = changed((copy) => {
      put("files.0.name", name)(copy);
      put("operators.1.subtasks.0.keyed.files", [name])(copy);
    });
    expect(codeOf(() => decodeManifest(encodeCompressedJson(manifestFormat, value), "file")).code).toBe("CHECKPOINT_UNSAFE_NAME");
    expect(codeOf(() => encodeManifest(value as unknown as CheckpointManifest)).code).toBe("CHECKPOINT_UNSAFE_NAME");
    const onlyInHandle = changed(put("operators.1.subtasks.0.keyed.files", [name]));
    expect(codeOf(() => decodeManifest(encodeCompressedJson(manifestFormat, onlyInHandle), "file")).code).toBe("CHECKPOINT_UNSAFE_NAME");
  });

  const loop: unknown[] = [];
  loop.push(loop);
  const numbers = [Number.NaN, Number.POSITIVE_INFINITY, 1n];
  const notJson = [undefined, ...numbers, () => 1, Symbol("x"), new Date(0), new Map(), new Uint8Array(2), loop];
  test("a connector's value that JSON cannot hold is refused, not changed", () => {
    for (const value of [...notJson, JSON.parse('{"__proto__":1}')]) {
      const copy = changed(put("operators.0.subtasks.0.connector", { inner: [value] }));
      const { code, message } = codeOf(() => encodeManifest(copy as unknown as CheckpointManifest));
      expect(code).toBe("INVALID_ARGUMENT");
      expect(message).toContain("$.operators[0].subtasks[0].connector.inner[0]");
    }
  });

  test("a version that is not ours is named", () => {
    for (const version of [0, 999]) {
      const { code, message } = codeOf(() => decodeManifest(encodeCompressedJson({ ...manifestFormat, version }, { x: 1 }), "file"));
      expect(code).toBe("CHECKPOINT_VERSION");
      expect(message).toContain(`version ${version}`);
    }
  });

  test("a manifest in the wrong place is refused", () => {
    requireManifestOf(manifest, { job: "word-count", id: 42, generation: 3 }, "file");
    for (const other of [{ job: "x" }, { id: 41 }, { generation: 4 }]) {
      const expected = { job: "word-count", id: 42, generation: 3, ...other };
      expect(codeOf(() => requireManifestOf(manifest, expected, "file")).code).toBe("CHECKPOINT_DAMAGED");
    }
  });
});
