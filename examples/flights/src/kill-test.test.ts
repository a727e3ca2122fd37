import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

/** Runs a built entry point of this example as a user would, and gives its exit code and everything it printed. */
async function run(entry: string, args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const path = fileURLToPath(new URL(`../dist/${entry}`, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, output };
}

describe("the flights job, killed twice", () => {
  test.each(["memory", "rocksdb"])("comes back exactly on %s", { timeout: 120_000 }, async (backend) => {
    const { code, output } = await run("kill-test.js", ["--runs", "1", "--records", "180000", "--backend", backend]);
    expect(output).toContain("1 passed, 0 failed");
    expect(code).toBe(0);
  });

  test("a wrong call ends with code 2 and says what there is", async () => {
    const backend = await run("main.js", ["--backend", "redis"]);
    expect(backend).toMatchObject({ code: 2, output: expect.stringMatching(/UNKNOWN_BACKEND.*"redis".*memory, rocksdb/u) as string });
    const records = await run("main.js", ["--records", "none"]);
    expect(records).toMatchObject({ code: 2, output: expect.stringContaining("whole number") as string });
  });

  test("a missing input ends with code 1 and its name", async () => {
    const output = fileURLToPath(new URL("../dist/missing-input-test", import.meta.url));
    const result = await run("main.js", ["--backend", "memory", "--input", "/nowhere/flights.parquet", "--output", output, "--quiet"]);
    expect(result).toMatchObject({
      code: 1,
      output: expect.stringMatching(/INPUT_UNREADABLE: .*\/nowhere\/flights\.parquet.*no such file/u) as string,
    });
  });
});
