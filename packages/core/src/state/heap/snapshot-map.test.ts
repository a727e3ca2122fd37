import { expect, test } from "vitest";
import { SeededRandom } from "../../testing/random.js";
import { SnapshotMap } from "./snapshot-map.js";
import type { ReadonlyEntryMap } from "./spread-map.js";

// A Map of V8 ends at 2^24 entries; what happens beyond is the same with a lower limit.
test.each([undefined, 1, 7])("agrees with a Map, and frozen contents stay as they were, over random operations; limit %s", (limit) => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = new SeededRandom(seed);
    const map = new SnapshotMap<number, { value: number }>(limit);
    const model = new Map<number, number>();
    let frozen: ReadonlyEntryMap<number, { value: number }> | undefined;
    let frozenModel: Map<number, number> | undefined;
    for (let step = 0; step < 200; step += 1) {
      const key = random.below(40);
      switch (random.below(10)) {
        case 0:
          frozen = map.freeze();
          frozenModel ??= new Map(model);
          break;
        case 1:
          map.release();
          frozen = frozenModel = undefined;
          break;
        case 2:
        case 3:
        case 4:
          expect(map.delete(key), `seed ${seed}`).toBe(model.delete(key));
          break;
        default:
          map.set(key, { value: step });
          model.set(key, step);
      }
      expect(map.get(key)?.value, `seed ${seed}`).toBe(model.get(key));
      expect(map.size, `seed ${seed}`).toBe(model.size);
      if (step % 20 === 0) expect(new Map([...map.entries()].map(([k, { value }]) => [k, value])), `seed ${seed}`).toEqual(model);
      if (frozen !== undefined) expect(new Map([...frozen].map(([k, { value }]) => [k, value])), `seed ${seed}`).toEqual(frozenModel);
    }
  }
});
