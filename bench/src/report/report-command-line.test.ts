import { CommanderError } from "commander";
import { describe, expect, test, vi } from "vitest";
import { WrongCallError } from "../command-line.js";
import { questions } from "../questions/index.js";
import { fullParts, standardParts } from "./parts.js";
import { parseReportCommandLine } from "./report-command-line.js";

const parse = (...args: string[]) => parseReportCommandLine(args, questions);

describe("the words after bench:report", () => {
  test("the standard set, the full one, and parts of either", () => {
    expect(parse().parts.map(({ name }) => name)).toEqual(standardParts.map(({ name }) => name));
    expect(parse("--full").parts.map(({ name }) => name)).toEqual(fullParts.map(({ name }) => name));
    expect(parse("--only", "state-limits, state-ops").parts.map(({ name }) => name)).toEqual(["state-ops", "state-limits"]);
    expect(parse()).toMatchObject({ isQuick: false, isAgain: false, isPlanOnly: false, isWriteOnly: false });
    expect(parse()).not.toHaveProperty("directory");
  });
  test("some of the systems, and another number of runs", () => {
    const { parts } = parse("--system", "memory, npm:lmdb", "--runs", "2");
    expect(parts.map(({ name, systems, runs }) => [name, systems, runs])).toEqual([
      ["state-ops", ["memory"], 2],
      ["state-limits", ["memory"], 2],
      ["state-latency", ["memory"], 2],
      ["job", ["memory"], 2],
      ["node-peers", ["npm:lmdb"], 2],
    ]);
  });
  test("tiny sizes go only where someone says", () => {
    const { parts, isQuick, directory } = parse("--quick", "--directory", "here");
    expect(isQuick).toBe(true);
    expect(directory).toMatch(/^\/.*here$/u);
    for (const { question, size, runs } of parts) expect([size, runs]).toEqual([question.size.quick, 1]);
  });
  test.each([
    [["--quick"], "--quick needs --directory"],
    [["--only", "full-memory"], 'no part "full-memory" in this set; there are state-ops'],
    [["--write-only", "--full"], "--write-only measures nothing"],
    [["--write-only", "--only", "state-ops"], "--write-only measures nothing"],
    [["--write-only", "--runs", "1"], "--write-only measures nothing"],
    [["--system", "flink"], 'No part measures a system "flink"; there are memory'],
  ])("%j is refused with a message", (args, message) => {
    expect(() => parse(...args)).toThrow(WrongCallError);
    expect(() => parse(...args)).toThrow(message);
  });
  test.each([[["--fast"]], [["state-ops"]], [["--only"]], [["--only", ""]], [["--runs", "0"]]])("%j is refused by commander", (args) => {
    vi.spyOn(process.stderr, "write").mockReturnValue(true);
    expect(() => parse(...args)).toThrow(CommanderError);
  });
});
