import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { HashPool } from "./hash-pool.js";

test("hashes more files than it has threads, each right; an unreadable one and a closed pool spoil no other", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-hash-"));
  const pool = new HashPool(2);
  onTestFinished(async () => {
    await pool.close();
    await rm(directory, { recursive: true });
  });
  const files = await Promise.all(
    Array.from({ length: 7 }, async (_, index) => {
      const path = join(directory, `${index}`);
      const bytes = randomBytes(index * 300_000);
      await writeFile(path, bytes);
      return { path, sha256: createHash("sha256").update(bytes).digest("hex") };
    }),
  );
  const missing = pool.hash(join(directory, "missing")).catch((error: unknown) => error);
  expect(await Promise.all(files.map(({ path }) => pool.hash(path)))).toEqual(files.map(({ sha256 }) => sha256));
  expect(await missing).toMatchObject({ code: "ENOENT" });
  await pool.close();
  expect(await pool.hash(files[3]?.path ?? "")).toBe(files[3]?.sha256);
});
