import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rocksdbBackend } from "@tidemark/state-rocksdb";
import { expect, onTestFinished, test } from "vitest";
import { makeCheckpoints, tidemarkHere, tidemarkJson } from "./made-checkpoints.js";

interface Inspected {
  readonly files: readonly { readonly name: string; readonly level?: number }[];
}

test("checkpoints whose old deltas were merged are inspected, verified and kept like any other", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-merged-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const options = { memoryBudgetBytes: 4 * 1024 * 1024, deltaRatio: 1e9, deltasMax: 8 };
  const backend = rocksdbBackend({ directory: join(directory, "state"), ...options });
  const place = await makeCheckpoints(directory, backend, 24);
  const { files } = await tidemarkJson<Inspected>(["checkpoint", "inspect", place]);
  // A base and 23 deltas without merges; a merge that is not whole yet has files besides.
  expect(files.length).toBeLessThan(20);
  expect(files.some(({ level }) => level === 0)).toBe(true);
  expect(await tidemarkHere(["checkpoint", "verify", place])).toMatchObject({ exitCode: 0, stderr: "" });
  expect(await tidemarkHere(["gc", place])).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("deleted 0 items") });
  expect(await tidemarkHere(["checkpoint", "verify", place])).toMatchObject({ exitCode: 0, stderr: "" });
}, 60_000);
