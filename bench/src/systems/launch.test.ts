import { afterEach, expect, test, vi } from "vitest";
import { prepareSystems } from "./launch.js";

const never = new AbortController().signal;

afterEach(() => {
  vi.unstubAllEnvs();
});

test("without Java Flink is skipped with a plain message, and the others go on", async () => {
  vi.stubEnv("PATH", "");
  const lines: string[] = [];
  const files = { isQuick: true, log: (line: string): void => void lines.push(line) };
  const { systems } = await prepareSystems(["memory", "flink-hashmap", "flink-rocksdb"], files, never);
  expect(systems).toEqual(["memory"]);
  expect(lines).toEqual([
    "flink-hashmap is skipped: java was not found; install a JDK, version 17 or newer",
    "flink-rocksdb is skipped: java was not found; install a JDK, version 17 or newer",
  ]);
});

test("nothing is looked for when no Flink system is asked for", async () => {
  vi.stubEnv("PATH", "");
  const lines: string[] = [];
  expect((await prepareSystems(["rocksdb"], { isQuick: true, log: (line) => lines.push(line) }, never)).systems).toEqual(["rocksdb"]);
  expect(lines).toEqual([]);
});
