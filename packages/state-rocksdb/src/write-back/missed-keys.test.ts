import { signedMurmur3 } from "@tidemark/core/state";
import { expect, test } from "vitest";
import { MissedKeys } from "./missed-keys.js";

function hashOf(id: number): number {
  const key = Buffer.alloc(12, 7);
  key.writeUInt32BE(id, 4);
  return signedMurmur3(key, 0, key.length);
}

test("a key counts as missed from its first miss on, until many others were", () => {
  const missed = new MissedKeys(16);
  expect(missed.sizeBytes).toBe(16 * 256);
  expect(missed.again(hashOf(1))).toBe(false);
  expect(missed.again(hashOf(1))).toBe(true);
  for (let id = 2; id < 50_000; id += 1) missed.again(hashOf(id));
  expect(missed.again(hashOf(1))).toBe(false);
});

test("of keys that were missed a moment ago nearly all are known, of others nearly none", () => {
  const missed = new MissedKeys(100);
  const count = Math.floor(missed.sizeBytes / 16);
  const again = (first: number): number => {
    let known = 0;
    for (let id = first; id < first + count; id += 1) if (missed.again(hashOf(id))) known += 1;
    return known;
  };
  expect(again(0)).toBeLessThan(0.05 * count);
  expect(again(0)).toBeGreaterThan(0.9 * count);
  expect(again(count)).toBeLessThan(0.05 * count);
});
