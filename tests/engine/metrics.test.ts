import { describe, expect, test } from "vitest";
import { Counting } from "./counting.js";
import { backends } from "./scratch.js";

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe.each(backends)("metrics of a job on $name", ({ name, create }) => {
  test("name each operator with keyed state and what its backend says", async () => {
    const counting = await Counting.create();
    const running = counting.job(create(counting.directory)).start();
    expect(running.metrics()).toMatchObject({ records: 0, stateSizeBytes: 0, operators: [] });
    counting.source.release(50);
    await until(() => running.metrics().records === 50);
    const { operators, stateSizeBytes } = running.metrics();
    expect(operators).toMatchObject([{ operator: "count", subtask: 0, stateSizeBytes }]);
    const { backend = {} } = operators[0] ?? {};
    if (name === "rocksdb") expect(backend).toMatchObject({ tableEntries: 10, levelZeroFiles: 0, writesStopped: 0, backgroundErrors: 0 });
    expect(Object.values(backend).every((figure) => Number.isFinite(figure))).toBe(true);
    await running.triggerCheckpoint();
    const after = running.metrics().operators[0]?.backend ?? {};
    if (name === "rocksdb") {
      expect(after).toMatchObject({ tableDirtyBytes: 0 });
      expect(after["tableFilesBytes"]).toBeGreaterThan(backend["tableFilesBytes"] ?? Infinity);
    }
    await running.stop();
    expect(running.metrics().operators[0]?.backend).toEqual({});
  });
});
