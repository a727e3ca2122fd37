import { describe, expect, test } from "vitest";
import { BuildError } from "../../packages/rocksdb/build/build-error.mjs";
import { setUp } from "../setup/main.mjs";
import { countsIn } from "./ci-command.mjs";
import { strayFiles } from "./pack-stage.mjs";
import { runStages, StageFailure } from "./stage.mjs";
import { countTests } from "./stages.mjs";

const good = { name: "good", run: async () => ({ summary: "fine", passed: 3 }) };

async function run(stages: Parameters<typeof runStages>[0]): Promise<{ lines: string[]; totals: { passed: number; failed: number } }> {
  const lines: string[] = [];
  const totals = await runStages(stages, { log: (line: string) => void lines.push(line) });
  return { lines, totals };
}

describe("the stages of the gate", () => {
  test("the last line has the totals of stages and tests", async () => {
    const { lines, totals } = await run([good, { name: "plain", run: async () => ({ summary: "fine" }) }]);
    expect(totals).toEqual({ passed: 5, failed: 0 });
    expect(lines.at(-1)).toBe("5 passed, 0 failed");
    expect(lines).toHaveLength(3);
  });
  test("stages after a failure still run, and the failure is told", async () => {
    const { lines, totals } = await run([
      { name: "bad", run: async () => Promise.reject(new StageFailure("what is wrong", { passed: 2, failed: 1 })) },
      good,
    ]);
    expect(totals).toEqual({ passed: 6, failed: 2 });
    expect(lines.join("\n")).toContain("what is wrong");
    expect(lines.at(-1)).toBe("6 passed, 2 failed");
  });
  test("stages of a group run at the same time, and all of them are told apart and counted", async () => {
    let release = (): void => undefined;
    const later = new Promise<void>((resolve) => (release = resolve));
    const waiting = { name: "waiting", run: (log: (line: string) => void) => later.then(() => (log("a line"), { summary: "fine" })) };
    const releasing = { name: "releasing", run: async () => (release(), Promise.reject(new StageFailure("what is wrong"))) };
    const { lines, totals } = await run([[waiting, releasing], good]);
    expect(totals).toEqual({ passed: 5, failed: 1 });
    expect(lines).toContain("waiting | a line");
    expect(lines).toEqual(expect.arrayContaining(["releasing | --- releasing", "releasing | what is wrong"]));
  });
  test("nothing runs after an essential stage that failed", async () => {
    const { lines, totals } = await run([
      { name: "bad", isEssential: true, run: async () => Promise.reject(new BuildError("no compiler")) },
      good,
    ]);
    expect(totals).toEqual({ passed: 0, failed: 1 });
    expect(lines.join("\n")).toContain('the stages after "bad" need it and were not run');
  });
  test("vitest's report: failures without a failed test, no tests and no report all fail", () => {
    const report = { numPassedTests: 4, numFailedTests: 0, numPendingTests: 1, numFailedTestSuites: 0 };
    expect(countTests(report, 0)).toEqual({ summary: "4 passed, 0 failed, 1 skipped", passed: 4 });
    expect(() => countTests(report, 1)).toThrow("exit code 1");
    expect(() => countTests({ ...report, numFailedTests: 1 }, 0)).toThrow("1 failed");
    expect(() => countTests({ ...report, numPassedTests: 0 }, 0)).toThrow("found no tests");
    expect(() => countTests(undefined, 0)).toThrow("without a report");
  });
  test("counts of a program's output: the last ones, without colours", () => {
    expect(countsIn("1 passed\n\u001b[32m12 passed\u001b[39m, \u001b[31m3\u001b[39m failed\n")).toEqual({ passed: 12, failed: 3 });
    expect(countsIn("nothing")).toEqual({ passed: 0, failed: 0 });
  });
});

describe("what is packed", () => {
  test("tests and objects are found, sources are not", () => {
    const paths = ["src/a.ts", "src/a.test.ts", "src/a.test.support.ts", "build/rocksdb.mjs", "build/out/release/a.o", "dist/.tsbuildinfo"];
    const strays = strayFiles([{ name: "p", files: paths.map((path) => ({ path })) }]);
    expect(strays).toEqual(["p: src/a.test.ts", "p: src/a.test.support.ts", "p: build/out/release/a.o", "p: dist/.tsbuildinfo"]);
  });
});

describe("the set-up", () => {
  test("stops at the first step that fails, names it and gives its advice without a stack", async () => {
    const lines: string[] = [];
    const ran: string[] = [];
    const step = (name: string, problem?: Error) => ({
      name,
      run: async () => {
        ran.push(name);
        if (problem !== undefined) throw problem;
        return "done";
      },
    });
    const steps = [step("one"), step("two", new BuildError("do this")), step("three")];
    expect(await setUp({ steps, log: (line: string) => void lines.push(line) })).toBe(false);
    expect(ran).toEqual(["one", "two"]);
    expect(lines[0]).toMatch(/^set-up: one +done \(0\.\d s\)$/);
    expect(lines[1]).toBe("set-up: two failed\ndo this");
  });
});
