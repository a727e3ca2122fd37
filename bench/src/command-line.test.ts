import { CommanderError } from "commander";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type MeasureRequest, parseCommandLine, WrongCallError } from "./command-line.js";
import { questions } from "./questions/index.js";

function parse(...args: string[]): MeasureRequest {
  const request = parseCommandLine(args, questions);
  if (request.kind !== "measure") throw new Error(`not a measurement: ${request.kind}`);
  return request;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("command line", () => {
  test("list", () => {
    expect(parseCommandLine(["list"], questions)).toEqual({ kind: "list" });
  });
  test("defaults: the standard size and systems, three runs", () => {
    const request = parse("state-ops");
    expect(request).toMatchObject({ size: 500_000, runs: 3, isQuick: false });
    expect(request.systems).toEqual(["memory", "rocksdb", "flink-hashmap", "flink-rocksdb"]);
    expect(request).not.toHaveProperty("json");
  });
  test("--quick is one run of a small size; both can be set all the same", () => {
    expect(parse("state-ops", "--quick")).toMatchObject({ size: 20_000, runs: 1, isQuick: true });
    expect(parse("state-ops", "--quick", "--runs", "4", "--size", "1k")).toMatchObject({ size: 1_000, runs: 4 });
  });
  test("systems and cases are separated by commas; a system named twice counts once", () => {
    const systems = ["--system", "flink-hashmap, memory,memory"];
    const request = parse("state-ops", ...systems, "--case", "valueGet,mapGet", "--json", "a", "--html", "b");
    expect(request.systems).toEqual(["memory", "flink-hashmap"]);
    expect(request).toMatchObject({ cases: ["valueGet", "mapGet"], json: "a", html: "b" });
  });
  test.each([
    [[], "Name a question: state-ops"],
    [["stateops"], 'no question "stateops"; there are state-ops'],
    [["state-ops", "--system", "memory,redis"], 'does not know a system "redis"; it knows memory, rocksdb'],
    [["state-ops", "--case", "valueget"], 'no case "valueget"; it has valueUpdate, valueUpdate-undrained'],
    [["state-ops", "--size", "1GiB"], "--size 1GiB is not a count of keys"],
    [["state-ops", "--size", "0"], "--size 0"],
    [["checkpoint", "--size", "500k"], "--size 500k is not bytes with a unit"],
    [["checkpoint", "--case", "pause-p95"], 'checkpoint has no case "pause-p95"'],
    [["checkpoint", "--system", "memory", "--case", "pause-p50-links"], "cannot ask memory about pause-p50-links; it can ask fs, rocksdb"],
    [["job", "--case", "window-p1"], "job cannot measure window-p1 yet: jobs have no windows yet"],
    [["job", "--case", "sum-p1,words-p2-checkpointed"], "cannot measure words-p2-checkpointed yet: a job runs one subtask so far"],
    [["job", "--case", "toString"], 'job has no case "toString"; it has sum-p1'],
    [["memory", "--system", "fs"], 'memory does not know a system "fs"; it knows rocksdb'],
  ])("%j is refused with a message", (args, message) => {
    expect(() => parseCommandLine(args, questions)).toThrow(WrongCallError);
    expect(() => parseCommandLine(args, questions)).toThrow(message);
  });
  test.each([
    [["state-ops", "--runs", "0"]],
    [["state-ops", "--runs", "1.5"]],
    [["state-ops", "--runs"]],
    [["state-ops", "--system", "memory,"]],
    [["state-ops", "--speed"]],
    [["state-ops", "again"]],
  ])("%j is refused by commander", (args) => {
    vi.spyOn(process.stderr, "write").mockReturnValue(true);
    expect(() => parseCommandLine(args, questions)).toThrow(CommanderError);
  });
});
