import { deflateSync, gzipSync, gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { isStateError } from "../errors/index.js";
import { decodeCompressedJson, encodeCompressedJson } from "./compressed-json.js";
import { type DocumentFormat, encodeFramedJson, type JsonObject } from "./framed-json.js";

const format: DocumentFormat = { name: "test-document", version: 3, maxBytes: 4_096, maxDepth: 4 };
const content: JsonObject = { name: "größe", list: Array.from({ length: 50 }, (_, index) => `file-${index}`), nothing: null };

/** Why it was refused; undefined where it was read as it was written. */
function refusal(bytes: Uint8Array): { code: string; reason: unknown } | undefined {
  try {
    expect(decodeCompressedJson(format, bytes, "file")).toEqual(content);
    return undefined;
  } catch (error) {
    if (isStateError(error)) return { code: error.code, reason: error.details["reason"] };
    throw error;
  }
}

describe("compressed JSON", () => {
  test("comes back equal, is smaller, and any gzip shows it", () => {
    const bytes = encodeCompressedJson(format, content);
    expect(decodeCompressedJson(format, bytes, "file")).toEqual(content);
    expect(bytes.length).toBeLessThan(encodeFramedJson(format, content).length / 2);
    expect(gunzipSync(bytes)).toEqual(Buffer.from(encodeFramedJson(format, content)));
  });

  test("rule 14: cut at every byte it is refused", () => {
    const bytes = encodeCompressedJson(format, content);
    for (let length = 0; length < bytes.length; length += 1) {
      expect([length, refusal(bytes.subarray(0, length))]).toEqual([length, { code: "CHECKPOINT_DAMAGED", reason: "cut-short" }]);
    }
  });

  test("rule 14: with any bit flipped it is refused, or says the same", () => {
    const bytes = encodeCompressedJson(format, content);
    let refused = 0;
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = bytes.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      const found = refusal(flipped);
      if (found !== undefined) expect(found.code).toBe("CHECKPOINT_DAMAGED");
      refused += found === undefined ? 0 : 1;
    }
    // All but the time, the operating system and the level of compression in the head, and the bits that fill the last byte.
    expect(refused).toBeGreaterThan((bytes.length - 8) * 8);
  });

  test("never unpacks more than the format allows", () => {
    const bomb = gzipSync(new Uint8Array(64 * 1024 * 1024));
    expect(bomb.length).toBeGreaterThan(format.maxBytes);
    expect(refusal(bomb)).toEqual({ code: "CHECKPOINT_DAMAGED", reason: "too-large" });
    const small = gzipSync(new Uint8Array(1024 * 1024));
    expect(small.length).toBeLessThan(format.maxBytes);
    expect(refusal(small)).toEqual({ code: "CHECKPOINT_DAMAGED", reason: "too-large" });
    expect(() => encodeCompressedJson(format, { text: "x".repeat(4_096) })).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });

  test("says what else it is not", () => {
    const whole = encodeCompressedJson(format, content);
    const cases: [bytes: Uint8Array, reason: string][] = [
      [encodeFramedJson(format, content), "not-ours"],
      [deflateSync(encodeFramedJson(format, content)), "not-ours"],
      [gzipSync("hello world"), "not-ours"],
      [gzipSync(new Uint8Array(0)), "cut-short"],
      [Buffer.concat([whole, whole]), "altered"],
    ];
    for (const [bytes, reason] of cases) expect(refusal(bytes)).toEqual({ code: "CHECKPOINT_DAMAGED", reason });
    const other = encodeCompressedJson({ ...format, version: 4 }, content);
    expect(refusal(other)?.code).toBe("CHECKPOINT_VERSION");
  });
});
