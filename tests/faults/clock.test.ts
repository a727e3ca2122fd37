import { join } from "node:path";
import { type Clock, systemClock } from "@tidemark/core";
import { rocksdbBackend } from "@tidemark/state-rocksdb";
import { expect, test } from "vitest";
import { tidemarkHere, tidemarkJson } from "../cli/made-checkpoints.js";
import { Counting, expected, until } from "../engine/counting.js";

const hourMs = 3_600_000;

test("rule 19: a clock that goes back between checkpoints and lives changes no order: the newest is the one announced last", async () => {
  const counting = await Counting.create();
  const backend = rocksdbBackend({ directory: join(counting.directory, "state"), memoryBudgetBytes: 4 * 1024 * 1024 });
  let offsetMs = 0;
  const clock: Clock = { nowMs: () => systemClock.nowMs() + offsetMs, schedule: (...call) => systemClock.schedule(...call) };
  const checkpoint = { directory: join(counting.directory, "checkpoints"), interval: "1h", retain: 3 } as const;
  const ids: number[] = [];
  for (let life = 0; life < 3; life += 1) {
    const restoredFrom = ids.at(-1);
    const running = counting.job(backend, { clock, checkpoint }).start();
    counting.source.release(life * 20);
    for (let step = 1; step <= 2; step += 1) {
      counting.source.release(10);
      await until(running, () => running.metrics().records === life * 20 + step * 10);
      expect(running.metrics().restoredFrom).toBe(restoredFrom);
      ids.push((await running.triggerCheckpoint()).id);
      offsetMs -= hourMs;
    }
    const { lastCheckpoint } = await running.stop();
    ids.push(lastCheckpoint?.id as number);
  }
  expect(ids).toEqual([...ids].sort((left, right) => left - right));
  const place = checkpoint.directory;
  const { checkpoints } = await tidemarkJson<{ checkpoints: readonly { id: number }[] }>(["checkpoint", "list", place]);
  expect(checkpoints.map(({ id }) => id)).toEqual(ids.slice(-3));
  for (const args of [["gc", place], ["checkpoint", "verify", place]]) expect(await tidemarkHere(args)).toMatchObject({ exitCode: 0 });
  const result = await counting.run(backend, {}, { clock });
  expect(result.restoredFrom).toBe(ids.at(-1));
  expect(counting.output).toEqual(expected);
});
