import { type CompressedJson, compressedJson } from "./compressed-json.js";
import { decodeFramedJson, type DocumentFormat } from "./framed-json.js";
import { jsonDepthLimit, JsonShape } from "./json-shape.js";
import type { FileReference, Json } from "./manifest.js";
import { requireSafeName } from "./names.js";

/** The format of the files that list the base of a chain. */
export const baseListFormat: DocumentFormat = {
  name: "tidemark-base",
  version: 1,
  maxBytes: 64 * 1024 * 1024,
  maxDepth: jsonDepthLimit + 2,
};

/** Files that a manifest may name, those of its bases included. */
export const maxFiles = 262_144;

/**
 * The base of a chain: the same in all of its checkpoints, so it is written once and not into every manifest. A manifest then grows with
 * what was added since, not with all that is stored.
 */
export interface BaseList {
  readonly chain: string;
  readonly files: readonly FileReference[];
  /** What the backend says of these files. */
  readonly description: Json;
}

/** As the bytes of its file, and what they unpack to. Throws INVALID_ARGUMENT, CHECKPOINT_UNSAFE_NAME. */
export async function encodeBaseList(list: BaseList): Promise<CompressedJson> {
  const { chain, files, description } = checkBaseList(new JsonShape("INVALID_ARGUMENT", "base list"), list);
  return await compressedJson(baseListFormat, { chain, files: files as unknown as Json, description });
}

/** `bytes`: unpacked. Throws CHECKPOINT_DAMAGED, CHECKPOINT_VERSION or CHECKPOINT_UNSAFE_NAME; `source` is the file, for messages. */
export function decodeBaseList(bytes: Uint8Array, source: string): BaseList {
  return checkBaseList(new JsonShape("CHECKPOINT_DAMAGED", source), decodeFramedJson(baseListFormat, bytes, source));
}

function checkBaseList(shape: JsonShape, value: unknown): BaseList {
  const list = shape.object(value, "$", ["chain", "files", "description"]);
  return {
    chain: shape.text(list["chain"], "$.chain", 128),
    files: checkFiles(shape, list["files"], "$.files"),
    description: shape.json(list["description"], "$.description"),
  };
}

/** References with safe names, each file once. */
export function checkFiles(shape: JsonShape, value: unknown, path: string): FileReference[] {
  const files = shape.array(value, path, maxFiles).map((each, index) => {
    const at = `${path}[${index}]`;
    const file = shape.object(each, at, ["name", "sizeBytes", "sha256"]);
    return {
      name: requireSafeName(file["name"], `${at}.name`),
      sizeBytes: shape.integer(file["sizeBytes"], `${at}.sizeBytes`, 0),
      sha256: shape.sha256(file["sha256"], `${at}.sha256`),
    };
  });
  requireUnique(shape, files.map(({ name }) => name), path, "file");
  return files;
}

/** Fails where a value is there twice. */
export function requireUnique(shape: JsonShape, values: readonly (string | number)[], path: string, what: string): void {
  const seen = new Set<string | number>();
  for (const value of values) {
    if (seen.has(value)) {
      shape.fail(path, `lists the ${what} ${JSON.stringify(value)} twice`);
    }
    seen.add(value);
  }
}
