import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Writable } from "node:stream";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { backendName, wholeNumber } from "./command-line.js";
import { formatBytes, formatDuration } from "./format.js";
import { createProgress } from "./progress.js";
import { writeReport } from "./report.js";
import type { Report, RunDetails } from "./result.js";
import { summaryText } from "./summary.js";

const report: Report = {
  records: 3_000_000,
  duplicates: 1_234,
  routeDays: 570_842,
  kills: 2,
  match: true,
  seed: 42,
  checkpoints: Array.from({ length: 12 }, (_, index) => ({
    id: index + 1,
    newBytes: 5_000_000,
    totalBytes: 5_000_000 * (index + 1),
    durationMs: 80,
  })),
};
const details: RunDetails = {
  backend: "rocksdb",
  restores: 2,
  failedCheckpoints: 1,
  differences: [],
  mostDelayed: [{ origin: "<A>", destination: "BBB", flights: 1_000, meanDelay: 31.44 }],
};

describe("the report", () => {
  test("is JSON with the promised fields, and a page that needs nothing else", async () => {
    const directory = await mkdtemp(join(tmpdir(), "tidemark-report-"));
    await writeReport(join(directory, "new"), report, details);
    expect(JSON.parse(await readFile(join(directory, "new", "report.json"), "utf8"))).toEqual(report);
    const page = await readFile(join(directory, "new", "report.html"), "utf8");
    expect(page).toContain("Exactly once: yes");
    expect(page).toMatch(/<svg[^]*<path/u);
    expect(page).toContain("&lt;A&gt; - BBB");
    expect(page).toContain("prefers-color-scheme: dark");
    expect(page.replaceAll(/xmlns(?::\w+)?="[^"]*"/gu, "")).not.toMatch(/https?:|<script|<link|src=|@import|url\((?!#)/u);
    await rm(directory, { recursive: true });
  });

  test("the summary says no, and what differs, when something does", () => {
    expect(summaryText(report, details)).toMatch(/exactly once: +yes/u);
    const text = summaryText({ ...report, match: false }, { ...details, differences: ["duplicates: 1 instead of 2"] });
    expect(text).toMatch(/exactly once: +no/u);
    expect(text).toContain("duplicates: 1 instead of 2");
    expect(text).toContain("1 checkpoints were given up");
    expect(text).toContain("57.2 MiB");
  });
});

describe("progress", () => {
  function collect(isTerminal: boolean): { lines: () => string; progress: ReturnType<typeof createProgress>; wait: (ms: number) => void } {
    let text = "";
    let nowMs = 0;
    const write = (chunk: Buffer, _: unknown, done: () => void): void => {
      text += chunk.toString();
      done();
    };
    const stream = Object.assign(new Writable({ write }), {
      isTTY: isTerminal,
      columns: 120,
      cursorTo: () => true,
      clearLine: () => true,
      moveCursor: () => true,
    });
    const clock = { nowMs: () => nowMs, after: () => () => {} };
    return { lines: () => text, progress: createProgress({ stream, isTerminal, clock }), wait: (ms) => void (nowMs += ms) };
  }

  test("without a terminal: a line every five seconds, with speed, state and last checkpoint", () => {
    const { lines, progress, wait } = collect(false);
    progress.take({ type: "started", life: 1 });
    for (let records = 0; records <= 1_200; records += 10) {
      progress.take({ type: "progress", records, total: 2_000, stateBytes: 2_048 });
      if (records === 300) progress.take({ type: "checkpoint", id: 1, newBytes: 1_024, totalBytes: 4_096, durationMs: 3 });
      wait(100);
    }
    progress.take({ type: "killed", life: 1 });
    progress.take({ type: "restored", checkpoint: 1 });
    progress.take({ type: "checkpoint", id: 2, newBytes: 0, totalBytes: 0, durationMs: 3, failed: "no space" });
    progress.stop();
    expect(lines().split("\n")).toEqual([
      "0 of 2,000 records | state 2.0 KiB | no checkpoint yet",
      "500 of 2,000 records | 100 records/s | state 2.0 KiB | checkpoint 1: 1.0 KiB new of 4.0 KiB",
      "1,000 of 2,000 records | 100 records/s | state 2.0 KiB | checkpoint 1: 1.0 KiB new of 4.0 KiB",
      "killed process 1 with SIGKILL",
      "restored checkpoint 1",
      "checkpoint 2 was given up: no space",
      "",
    ]);
  });

  test("on a terminal: a bar that goes on", () => {
    const { lines, progress } = collect(true);
    progress.take({ type: "progress", records: 500, total: 2_000, stateBytes: 2_048 });
    progress.take({ type: "killed", life: 1 });
    progress.take({ type: "progress", records: 600, total: 2_000, stateBytes: 2_048 });
    progress.step("plain single pass", 1, 2);
    progress.stop();
    expect(lines()).toContain("25% | state 2.0 KiB");
    expect(lines()).toContain("killed process 1 with SIGKILL\n");
    expect(lines()).toContain("plain single pass [");
  });
});

describe("the command line", () => {
  test("an unknown backend is named with those there are", () => {
    expect(backendName("memory")).toBe("memory");
    for (const name of ["redis", "", "toString", "Memory"]) {
      expect(() => backendName(name)).toThrow(
        expect.objectContaining({ code: "UNKNOWN_BACKEND", message: expect.stringContaining("memory, rocksdb") as string }) as Error,
      );
    }
  });

  test.each(["", "-1", "1.5", "1e3", "abc", "0", "11", "0x5"])("refuses %j as a number from 1 to 10", (text) => {
    expect(() => wholeNumber(1, 10)(text)).toThrow(/whole number from 1 to 10/u);
  });

  test("sizes and times in words", () => {
    expect([formatBytes(0), formatBytes(1_023), formatBytes(1_536), formatBytes(2 ** 30)]).toEqual(["0 B", "1023 B", "1.5 KiB", "1.0 GiB"]);
    expect([formatDuration(949.6), formatDuration(2_340)]).toEqual(["950 ms", "2.3 s"]);
  });
});
