import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { isThorough, seed } from "./extent.js";

/** A full disk and too few file numbers, for real, which RocksDB meets too. */

const child = fileURLToPath(new URL("../dist/faults/scarce-child.js", import.meta.url));
const isRoot = process.getuid?.() === 0;
/** A namespace of mounts of its own, which ends with the process; without root one of users too. */
const namespace = ["unshare", isRoot ? "-m" : "-rm", "--"];
const canMount = spawnSync("unshare", [...namespace.slice(1), "mount", "-t", "tmpfs", "tmpfs", tmpdir()]).status === 0;

interface Case {
  readonly resource: "space" | "files";
  /** What is on a small disk of its own. */
  readonly small: readonly ("state" | "checkpoints")[];
  readonly left: number;
  readonly during: "start" | "checkpoint";
}

function run({ resource, small, left, during }: Case): string[] {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-scarce-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const disk = join(directory, "disk");
  mkdirSync(disk);
  const at = (part: "state" | "checkpoints"): string => join(small.includes(part) ? disk : directory, part, part);
  const limits = resource === "files" ? "ulimit -n 200" : `mount -t tmpfs -o size=3m tmpfs ${disk}`;
  const ballast = resource === "files" ? "" : join(disk, "ballast");
  const parts = `mkdir -p ${at("state")} ${at("checkpoints")}`;
  const command = [process.execPath, child, directory, at("state"), at("checkpoints"), `"${ballast}"`, String(left), during].join(" ");
  const shell = ["sh", "-c", `${limits} && ${parts} && exec ${command}`];
  const [program = "", ...args] = resource === "space" ? [...namespace, ...shell] : shell;
  const { stdout, stderr, status, signal } = spawnSync(program, args, { encoding: "utf8", timeout: 300_000 });
  expect({ stderr, status, signal }, JSON.stringify({ left, during })).toEqual({ stderr: "", status: 0, signal: null });
  return JSON.parse(stdout) as string[];
}

/** What was tried fails with one of `codes` or works; afterwards a checkpoint works and nothing is lost. */
function requireRecovers(outcome: readonly string[], codes: readonly string[], what: string): void {
  const tried = outcome.slice(0, outcome.findIndex((code) => code === "whole" || code.startsWith("lost")));
  for (const code of tried) expect(["ok", ...codes], what).toContain(code);
  expect([outcome.at(-2), outcome.at(-1)], what).toEqual(["ok", "whole"]);
}

const someOf = (all: readonly number[]): readonly number[] => (isThorough ? all : [0, all[seed % all.length] as number]);

describe.skipIf(!canMount)("a disk that is full (skipped where no tmpfs can be mounted, not even in a namespace)", () => {
  const places = [["state", "checkpoints"], ["state"], ["checkpoints"]] as const;
  describe.each(places.map((small) => ({ small })))("of $small", ({ small }) => {
    test.each(["checkpoint", "start"] as const)("during a %s: NO_SPACE; with room again all goes on, and nothing is lost", (during) => {
      const seen = new Set<string>();
      for (const left of someOf([0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20])) {
        const outcome = run({ resource: "space", small, left, during });
        requireRecovers(outcome, ["NO_SPACE"], `${left} pages left: ${outcome.join(", ")}`);
        outcome.forEach((code) => seen.add(code));
      }
      expect(seen).toContain("NO_SPACE");
    });
  });
});

describe("too few file numbers", () => {
  test.each(["checkpoint", "start"] as const)("during a %s: an error of files or none; with more of them all goes on", (during) => {
    const seen = new Set<string>();
    for (const left of someOf([0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16])) {
      const outcome = run({ resource: "files", small: [], left, during });
      requireRecovers(outcome, ["IO", "ROCKSDB", "DIRECTORY_IN_USE"], `${left} left: ${outcome.join(", ")}`);
      outcome.forEach((code) => seen.add(code));
    }
    expect(seen.size).toBeGreaterThan(2);
  });
});
