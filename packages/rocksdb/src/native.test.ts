import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";

import { temporaryDirectory } from "./fixtures.test.support.js";

/** A fresh copy of the loader, which otherwise keeps what it loaded first. */
async function load(override: string): Promise<unknown> {
  vi.stubEnv("TIDEMARK_ROCKSDB_BINDING", override);
  vi.resetModules();
  const { loadNative } = await import("./native.js");
  return loadNative();
}

afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

describe("loading the addon", () => {
  test("a missing, relative or damaged one is NATIVE_BINDING_MISSING with advice", async () => {
    const damaged = join(temporaryDirectory(), "damaged.node");
    writeFileSync(damaged, "not an addon");
    const cases = [
      ["/no/such/addon.node", "does not exist"],
      ["addon.node", "absolute path"],
      [damaged, "npm run setup"],
    ] as const;
    for (const [path, advice] of cases) {
      await expect(load(path)).rejects.toMatchObject({ code: "NATIVE_BINDING_MISSING", message: expect.stringContaining(advice) });
    }
  });

  test("a package without a build says how to make one", async () => {
    const platform = vi.spyOn(process, "platform", "get").mockReturnValue("aix");
    await expect(load("")).rejects.toMatchObject({ message: expect.stringMatching(/npm run setup.*npx tidemark-rocksdb-build/) });
    platform.mockRestore();
  });
});
