import { expect, test } from "vitest";
import { SortedByteMap } from "../../testing/sorted-byte-map.js";
import { SeededRandom } from "../../testing/random.js";
import { HeapKeys } from "../heap/heap-keys.js";
import { KeyContext } from "../key-context.js";
import { voidNamespace } from "../namespace.js";
import { int32, string } from "../serializers/index.js";
import { timerStateIds } from "../state-registry.js";
import { ByteTimerQueue } from "./byte-timer-queue.js";
import { HeapTimerQueue } from "./heap-timer-queue.js";

test("with a tiny head it gives the same timers as the heap queue, over random operations", () => {
  for (let seed = 1; seed <= 150; seed += 1) {
    const random = new SeededRandom(seed);
    const context = new KeyContext(int32(), { first: 0, last: 4 }, 5);
    const store = new SortedByteMap();
    let queue = new ByteTimerQueue(store, context, timerStateIds.event, voidNamespace, 1);
    const model = new HeapTimerQueue(new HeapKeys(context, timerStateIds.event, voidNamespace));
    for (let step = 0; step < 400; step += 1) {
      context.set(random.below(60));
      const timeMs = random.below(8) - 4;
      switch (random.below(6)) {
        case 0:
        case 1:
        case 2:
          expect(queue.register(timeMs), `seed ${seed}`).toBe(model.register(timeMs));
          break;
        case 3:
          expect(queue.delete(timeMs), `seed ${seed}`).toBe(model.delete(timeMs));
          break;
        case 4: {
          const until = random.below(8) - 4;
          expect(queue.nextTimeMs(), `seed ${seed}`).toBe(model.nextTimeMs());
          expect(queue.poll(until)?.key, `seed ${seed}`).toBe(model.poll(until)?.key);
          break;
        }
        default:
          // What a restore does: the store is there, the head is not.
          if (random.below(20) === 0) queue = new ByteTimerQueue(store, context, timerStateIds.event, voidNamespace, 1);
      }
    }
    for (let timer = model.poll(Infinity); timer !== undefined; timer = model.poll(Infinity)) {
      expect(queue.poll(Infinity), `seed ${seed}`).toEqual({ timeMs: timer.timeMs, key: timer.key, namespace: undefined });
    }
    expect(queue.poll(Infinity)).toBeUndefined();
  }
});

test("times keep their order and value, far from zero too", () => {
  const context = new KeyContext(string(), { first: 0, last: 0 }, 1);
  const queue = new ByteTimerQueue(new SortedByteMap(), context, timerStateIds.processing, voidNamespace, 1);
  const times = [
    Number.MIN_SAFE_INTEGER,
    -4_294_967_297,
    -4_294_967_296,
    -1,
    0,
    1,
    4_294_967_295,
    4_294_967_296,
    1_795_258_352_404,
    Number.MAX_SAFE_INTEGER,
  ];
  context.set("k");
  for (const timeMs of [...times].reverse()) queue.register(timeMs);
  expect(times.map(() => queue.poll(Infinity)?.timeMs)).toEqual(times);
  for (const bad of [NaN, Infinity, 1.5, 2 ** 53])
    expect(() => queue.register(bad)).toThrowError(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
});
