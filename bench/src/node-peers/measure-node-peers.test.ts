import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { ResultLine } from "../question.js";
import { nodePeers } from "../questions/node-peers.js";
import type { Row } from "../row.js";
import { noProgress } from "../runner/progress.js";
import { runQuestion } from "../runner/run-question.js";
import { Settings } from "../settings.js";
import { measureNodePeers, measureStore } from "./measure-node-peers.js";
import type { NodeStore, NodeStoreKind } from "./node-store.js";
import { peerFolder } from "./peer-package.js";
import { mapJson } from "./peers/map-json.js";

type Measure = typeof measureNodePeers;

/** Measures in this process, with a clock that goes on by itself: the same few operations on every machine. */
function quickRows(system: string, measure: Measure = measureNodePeers, cases?: string[]): Promise<Row[]> {
  return runQuestion({
    question: nodePeers, size: 1_500, systems: [system], runs: 1, isQuick: true, progress: noProgress, machine: "here", commit: "abc",
    ...(cases === undefined ? {} : { cases }),
    launch: async (_, { measurement, system }, settings) => {
      const directory = await mkdtemp(join(tmpdir(), "tidemark-bench-test-"));
      const lines: ResultLine[] = [];
      let nowMs = 0;
      try {
        const all = Settings.of({ ...settings, system, directory, case: measurement.name, batch: 400, recordsPerTurn: 900 });
        await measure(all, (line) => lines.push(line), () => (nowMs += 10));
        expect((await readdir(directory)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
        return lines;
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    },
  });
}

const isInstalled = (system: string): boolean =>
  !system.startsWith("npm:") || system === "npm:map-json" || existsSync(join(peerFolder, "node_modules", system.slice(4)));

describe("stores keep what is written, and so do their snapshots", () => {
  for (const system of nodePeers.systems) {
    test.runIf(isInstalled(system))(`on ${system}`, async () => {
      const rows = await quickRows(system);
      expect(rows.map((row) => [row.case, row.unit])).toEqual([
        ["read-modify-write", "ops/s"], ["read-modify-write-batch", "ops/s"],
        ["get", "ops/s"], ["get-batch", "ops/s"],
        ["snapshot", "ms"], ["snapshot-1pct", "ms"],
      ]);
      // Five parts of 900 records, 10 ms each by this clock.
      expect(rows[0]?.value).toBe(90_000);
      expect(rows[0]?.size).toBe("1500 keys");
      expect(rows[0]?.build).toContain(`node ${process.versions.node}`);
    });
  }
});

/** A Map with some methods of its own. */
function faulty(fault: (store: NodeStore, directory: string) => Partial<NodeStore>): Measure {
  const kind: NodeStoreKind = {
    open: async (options) => {
      const store = await mapJson.open(options);
      return { ...bound(store), ...fault(store, options.directory) };
    },
    readSnapshot: (options, visit) => mapJson.readSnapshot(options, visit),
  };
  return (...args) => measureStore(kind, ...args);
}

function bound(store: NodeStore): NodeStore {
  return {
    build: store.build,
    put: (keys, values) => store.put(keys, values),
    get: (keys, visit) => store.get(keys, visit),
    getBatch: (keys, visit) => store.getBatch(keys, visit),
    readModifyWrite: (keys) => store.readModifyWrite(keys),
    readModifyWriteBatch: (keys) => store.readModifyWriteBatch(keys),
    snapshot: () => store.snapshot(),
    close: () => store.close(),
  };
}

describe("a wrong store gives no figures", () => {
  test("the store that the others differ from is right", async () => {
    expect(await quickRows("npm:map-json", faulty(() => ({})))).toHaveLength(6);
  });
  test.each<[string, string, string, (store: NodeStore) => Partial<NodeStore>]>([
    ["drops a key", "get", "NaN", (store) => ({ put: (keys, values) => store.put(keys.slice(1), values.slice(1)) })],
    ["reads nothing", "get-batch", "a sum of 0", () => ({ getBatch: () => {} })],
    ["writes nothing", "read-modify-write", "does not hold", () => ({ readModifyWrite: () => {} })],
    ["writes a key of a batch once too often", "read-modify-write-batch", "does not hold", (store) => ({
      readModifyWriteBatch: (keys) => store.readModifyWriteBatch([...keys, keys[0] as string]),
    })],
    ["takes no second snapshot", "snapshot-1pct", "another value", (store) => {
      let taken = 0;
      return { snapshot: async () => (taken++ === 0 ? await store.snapshot() : undefined) };
    }],
    ["takes its snapshot at the end", "snapshot", "another value", (store) => ({
      close: async () => {
        await store.snapshot();
        await store.close();
      },
    })],
  ])("one that %s", async (_, name, message, fault) => {
    await expect(quickRows("npm:map-json", faulty(fault), [name])).rejects.toThrow(message);
  });
});

test("unknown systems and cases are refused", async () => {
  const settings = Settings.of({ ...nodePeers.settings({ size: 10, isQuick: true }), directory: "none", system: "npm:redis", case: "get" });
  await expect(measureNodePeers(settings, () => {}, () => 0)).rejects.toThrow("unknown system: npm:redis");
  const other = Settings.of({ ...nodePeers.settings({ size: 10, isQuick: true }), directory: "none", system: "memory", case: "put" });
  await expect(measureNodePeers(other, () => {}, () => 0)).rejects.toThrow("unknown case: put");
});
