import { SeededRandom } from "@tidemark/core/testing";
import { expect, test } from "vitest";
import { sumRecord } from "./sum-records.js";

test("keys are those of the seeded random numbers, wherever one begins", () => {
  for (const seed of [1, 7, 0xffff_ffff]) {
    const random = new SeededRandom(seed);
    for (let index = 0; index < 3_000; index += 1) {
      expect(sumRecord(index, seed, 1_000_003)).toEqual({ key: random.below(1_000_003), value: index % 1_000 });
    }
  }
});
