import { describe, expect, test } from "vitest";
import { isStateError } from "../errors/index.js";
import { decodeFramedJson, encodeFramedJson, sha256Hex, type DocumentFormat, type JsonObject } from "./framed-json.js";

const format: DocumentFormat = { name: "test-document", version: 3, maxBytes: 4_096, maxDepth: 4 };
const content: JsonObject = { name: "größe", list: [1, { deep: true }], nothing: null };

/** A frame with a right checksum around any body text. */
function frame(body: string | Uint8Array): Uint8Array {
  const bytes = Buffer.from(body as string);
  return Buffer.concat([Buffer.from(`{"checksum":"${sha256Hex(bytes)}","body":`), bytes, Buffer.from("}\n")]);
}

function refusal(bytes: Uint8Array): { code: string; reason: unknown; message: string } {
  try {
    decodeFramedJson(format, bytes, "file");
  } catch (error) {
    if (isStateError(error)) {
      return { code: error.code, reason: error.details["reason"], message: error.message };
    }
    throw error;
  }
  throw new Error("was accepted");
}

function body(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

describe("framed JSON", () => {
  test("comes back equal and is JSON as a whole", () => {
    const bytes = encodeFramedJson(format, content);
    expect(decodeFramedJson(format, bytes, "file")).toEqual(content);
    const whole = JSON.parse(Buffer.from(bytes).toString()) as { body: { format: string; version: number } };
    expect(whole.body).toEqual({ format: "test-document", version: 3, ...content });
  });

  test("rule 14: cut at every byte it is refused as damaged and never as another version", () => {
    const bytes = encodeFramedJson(format, content);
    for (let length = 0; length < bytes.length; length += 1) {
      const { code, reason } = refusal(bytes.subarray(0, length));
      expect([code, length]).toEqual(["CHECKPOINT_DAMAGED", length]);
      expect(["cut-short", "altered"]).toContain(reason);
    }
  });

  test("rule 14: every single flipped bit is noticed", () => {
    const bytes = encodeFramedJson(format, content);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = bytes.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(refusal(flipped).code).toBe("CHECKPOINT_DAMAGED");
    }
  });

  test("says what is wrong", () => {
    const good = { format: "test-document", version: 3 };
    expect(decodeFramedJson(format, frame(body({ ...good, a: 2 })), "file")).toEqual({ a: 2 });
    const cases: [bytes: Uint8Array, code: string, reason: string][] = [
      [new Uint8Array(0), "CHECKPOINT_DAMAGED", "cut-short"],
      [Buffer.from("hello world"), "CHECKPOINT_DAMAGED", "not-ours"],
      [Buffer.from('{"some":"json"}\n'), "CHECKPOINT_DAMAGED", "not-ours"],
      [Buffer.concat([encodeFramedJson(format, content), Buffer.from(" ")]), "CHECKPOINT_DAMAGED", "cut-short"],
      [new Uint8Array(5_000), "CHECKPOINT_DAMAGED", "too-large"],
      [frame("not json"), "CHECKPOINT_DAMAGED", "shape"],
      [frame("[1]"), "CHECKPOINT_DAMAGED", "not-ours"],
      [frame("null"), "CHECKPOINT_DAMAGED", "not-ours"],
      [frame(Buffer.from([0x22, 0xff, 0x22])), "CHECKPOINT_DAMAGED", "encoding"],
      [frame(body({ format: "other", version: 3 })), "CHECKPOINT_DAMAGED", "not-ours"],
      [frame(body({ format: "test-document" })), "CHECKPOINT_DAMAGED", "shape"],
      [frame(body({ format: "test-document", version: "3" })), "CHECKPOINT_DAMAGED", "shape"],
      [frame(body({ format: "test-document", version: 3.5 })), "CHECKPOINT_DAMAGED", "shape"],
      [frame(JSON.stringify(good)), "CHECKPOINT_DAMAGED", "shape"],
      [frame('{\n  "format": "test-document",\n  "version": 3,\n  "a": 1,\n  "a": 2\n}'), "CHECKPOINT_DAMAGED", "shape"],
      [frame('{\n  "format": "test-document",\n  "version": 3,\n  "a": 9007199254740993\n}'), "CHECKPOINT_DAMAGED", "shape"],
      [frame(body({ ...good, a: [[[[]]]] })), "CHECKPOINT_DAMAGED", "shape"],
      [frame("[".repeat(1_900) + "]".repeat(1_900)), "CHECKPOINT_DAMAGED", "not-ours"],
      [frame(`{"a":${"[".repeat(1_900)}${"]".repeat(1_900)}}`), "CHECKPOINT_DAMAGED", "shape"],
    ];
    for (const [bytes, code, reason] of cases) {
      const refused = refusal(bytes);
      expect({ code: refused.code, reason: refused.reason, message: refused.message }).toMatchObject({ code, reason });
    }
  });

  test("another version is named before its shape is looked at", () => {
    for (const version of [0, 2, 4, 999]) {
      const { code, message } = refusal(frame(`{"format":"test-document","version":${version},"x":1.0}`));
      expect(code).toBe("CHECKPOINT_VERSION");
      expect(message).toContain(`version ${version};`);
      expect(message).toContain("reads version 3");
    }
  });

  test("refuses to write more than it would read", () => {
    expect(() => encodeFramedJson(format, { text: "x".repeat(4_096) })).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});
