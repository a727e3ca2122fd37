import { readFileSync } from "node:fs";
import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import check from "./check-node.cjs";

const path = fileURLToPath(new URL("check-node.cjs", import.meta.url));

describe("the Node version check", () => {
  test.each(["20.19.0", "20.20.2", "22.0.0", "24.1.0", "v20.19.1"])("takes %s", (version) => {
    expect(check.nodeProblem(version)).toBeUndefined();
  });
  test.each(["20.18.9", "18.20.4", "0.12.18", "v16.0.0", "nonsense"])("refuses %s and says what it needs", (version) => {
    expect(check.nodeProblem(version)).toContain(`needs Node.js 20.19 or newer; this is ${version}`);
  });
  test("ends the process with code 1 and without a stack", () => {
    const program = `Object.defineProperty(process.versions, "node", { value: "14.2.0" }); require(${JSON.stringify(path)}).requireNode();`;
    const result = spawnSync(process.execPath, ["-e", program], { encoding: "utf8" });
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/^Tidemark needs Node\.js 20\.19 or newer; this is 14\.2\.0\./);
    expect(result.stderr).not.toContain("    at ");
  });
  test("is loaded first by every command, with syntax that an old Node reads", () => {
    for (const command of ["setup.mjs", "test.mjs", "ci.mjs"]) {
      const text = readFileSync(fileURLToPath(new URL(command, import.meta.url)), "utf8");
      expect(text.match(/^import .*/gm)).toEqual(['import check from "./check-node.cjs";']);
      expect(text.replaceAll(/\/\/.*/g, "")).not.toMatch(/\bawait\b|\?\?|\?\./);
    }
    expect(readFileSync(path, "utf8")).not.toMatch(/=>|`|\b(const|let|class|await)\b|\?\?|\?\./);
    execFileSync(process.execPath, ["--check", path]);
  });
});
