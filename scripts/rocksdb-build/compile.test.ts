import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { jobCount, runNinja, writeNinjaFile } from "../../packages/rocksdb/build/ninja.mjs";
import { duration, progressDisplay } from "../../packages/rocksdb/build/progress.mjs";
import { crates, recipeFor } from "../../packages/rocksdb/build/recipe.mjs";
import { groupUnits, unitsOf, unityText } from "../../packages/rocksdb/build/unity.mjs";

const unit = (source: string, sizeBytes: number, flags = "g++ -O2") => ({ source, sizeBytes, flags });

describe("unity groups", () => {
  test("stay within a directory, seven files and 200 kB; every file is in one group", () => {
    const sizeOf = (index: number): number => 1_000 + ((index * 7_919) % 119_000);
    const units = Array.from({ length: 60 }, (_, index) => unit(`/s/${"abc"[index % 3]}/f${index}.cc`, sizeOf(index)));
    const groups = groupUnits(units);
    for (const group of groups) {
      expect(group.sources.length).toBeLessThanOrEqual(7);
      expect(group.sizeBytes).toBeLessThanOrEqual(200_000);
      expect(new Set(group.sources.map((source) => source.split("/")[2])).size).toBe(1);
    }
    expect(groups.flatMap((group) => group.sources).sort()).toEqual(units.map(({ source }) => source).sort());
    expect(groups.map(({ sizeBytes }) => sizeBytes)).toEqual(groups.map(({ sizeBytes }) => sizeBytes).sort((a, b) => b - a));
  });
  test("big files, other flags and assembler stay apart", () => {
    const groups = groupUnits([
      unit("/s/a.cc", 10), unit("/s/b.cc", 130_000), unit("/s/c.cc", 10),
      unit("/s/d.S", 10), unit("/s/e.cc", 10, "g++ -O3"), unit("/s/f.cc", 10),
    ]);
    expect(groups.map(({ sources }) => sources.map((source) => source[3]).join("")).sort()).toEqual(["ac", "b", "d", "e", "f"]);
  });
  test("are the same whatever the order of the input", () => {
    const units = ["/s/b/x.cc", "/s/a/y.cc", "/s/b-c/z.cc", "/s/b/a.cc"].map((source, index) => unit(source, 100 + index));
    expect(groupUnits(units.toReversed())).toEqual(groupUnits(units));
  });
  test("read CMake's commands, and refuse one they do not know", () => {
    const command = { directory: "/b", file: "/s/a.cc", command: "/usr/bin/c++ -DX=\\\"y\\\" -O2 -o CMakeFiles/a.o -c /s/a.cc" };
    const expected = { source: "/s/a.cc", sizeBytes: 5, flags: '/usr/bin/c++ -DX=\\"y\\" -O2' };
    expect(unitsOf(JSON.stringify([command]), () => 5)).toEqual([expected]);
    const foreign = JSON.stringify([{ file: "/s/a.cc", command: "cl /c a.cc" }]);
    expect(() => unitsOf(foreign, () => 5)).toThrow("cannot read the compiler command");
    expect(unityText(["/s/a.cc", '/s/"b".cc'])).toBe('#include "/s/a.cc"\n#include "/s/\\"b\\".cc"\n');
  });
});

describe("compilers at once", () => {
  const jobs = (cores: number, gigabytes: number, given?: string) =>
    jobCount({ env: { TIDEMARK_BUILD_JOBS: given }, cores, memoryBytes: gigabytes * 1e9 });
  test("cores, or what memory allows, and at least one", () => {
    expect([jobs(2, 24), jobs(16, 6), jobs(4, 1), jobs(4, 1, "")]).toEqual([2, 4, 1, 1]);
  });
  test("TIDEMARK_BUILD_JOBS overrides and is checked", () => {
    expect(jobs(2, 24, "7")).toBe(7);
    for (const bad of ["0", "-1", "many", "1.5", "99999"]) expect(() => jobs(2, 24, bad)).toThrow("TIDEMARK_BUILD_JOBS must be");
  });
});

describe("the recipe", () => {
  test("never compiles for the building machine only", () => {
    for (const [platform, arch] of [["linux", "x64"], ["linux", "arm64"], ["darwin", "x64"], ["darwin", "arm64"]] as const) {
      expect(recipeFor(platform, arch).cmakeFlags.join(" ")).toMatch(/-DPORTABLE=(x86-64-v2|armv8-a)/);
    }
    expect(() => recipeFor("aix", "ppc64")).toThrow("RocksDB cannot be built on aix-ppc64");
  });
  test("names the crates of the lock file", () => {
    const lock = readFileSync(new URL("../../packages/rocksdb/build/sources/Cargo.lock", import.meta.url), "utf8");
    for (const { directory } of Object.values(crates)) {
      const [, name, version] = /^([a-z0-9-]+-sys)-(\d.*)$/.exec(directory) ?? [];
      const start = `name = "${name}"\nversion = "${version}"\n`;
      expect(lock).toContain(start);
      expect(lock.slice(lock.indexOf(start)).split("[[package]]")[0]).toMatch(/checksum = "[0-9a-f]{64}"/);
    }
  });
});

describe("progress", () => {
  const show = (isTTY: boolean) => {
    let nowMs = 0;
    const written: string[] = [];
    const onProgress = progressDisplay({ label: "lib", stream: { isTTY, write: (text) => void written.push(text) }, nowMs: () => nowMs });
    return { written, at: (ms: number, done: number) => ((nowMs = ms), onProgress(done, 100)) };
  };
  test("without a terminal: a line a tenth, with an estimate", () => {
    const { written, at } = show(false);
    at(0, 0);
    for (let done = 1; done <= 100; done++) at(done * 1000, done);
    expect(written).toHaveLength(11);
    expect(written[5]).toBe("  lib  50 %, 50 s, about 50 s left\n");
    expect(written[10]).toBe("  lib 100 %, 1 min 40 s\n");
  });
  test("a resumed build is not estimated by what was done before", () => {
    const { written, at } = show(false);
    at(0, 80);
    at(10_000, 90);
    expect(written[1]).toContain("10 s, about 10 s left");
  });
  test("on a terminal: one line, ended at the end", () => {
    const { written, at } = show(true);
    at(0, 0);
    at(1000, 50);
    at(2000, 100);
    expect(written.map((text) => text.startsWith("\r"))).toEqual([true, true, true]);
    expect(written.map((text) => text.endsWith("\n"))).toEqual([false, false, true]);
    expect(written[1]).toContain("[############............]");
  });
  test("durations", () => {
    expect([0, 59_400, 336_000].map(duration)).toEqual(["0 s", "59 s", "5 min 36 s"]);
  });
});

describe.runIf(spawnSync("ninja", ["--version"]).status === 0)("ninja", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "tidemark-ninja-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  /** Three "sources" and a compiler that copies, unless a file says that it must fail. */
  function project(): Parameters<typeof runNinja>[0] {
    // A blank in a path must not hurt.
    const sources = join(directory, "source tree");
    mkdirSync(sources);
    const compiler = join(directory, "compile");
    const fails = 'grep -q broken "$7" && { echo "syntax error" >&2; exit 1; }';
    writeFileSync(compiler, `#!/bin/sh\necho "$5 $7" >> '${directory}/calls'\n${fails}\ncp "$7" "$5"\n`);
    chmodSync(compiler, 0o755);
    const compilations = ["a", "b", "c"].map((name, index) => {
      writeFileSync(join(sources, `${name}.c`), `int ${name};`);
      return { object: `${name}.o`, source: join(sources, `${name}.c`), flags: compiler, weight: 10 * (index + 1) };
    });
    writeNinjaFile({ directory, compilations, archive: "libx.a", archiver: "ar" });
    return { directory, ninja: "ninja", jobs: 1, compilations, env: process.env, onProgress: () => {} };
  }
  const calls = (): number => readFileSync(join(directory, "calls"), "utf8").trim().split("\n").length;

  test("goes on where it stopped, and reports what was done before", async () => {
    const options = project();
    const middle = options.compilations[1]?.source ?? "";
    writeFileSync(middle, "broken");
    const advice = /Compiling stopped \(ninja, exit code 1\):\nFAILED: [^]*syntax error[^]*is kept; run this again/;
    await expect(runNinja(options)).rejects.toThrow(advice);
    expect(existsSync(join(directory, "a.o"))).toBe(true);
    const callsBefore = calls();
    writeFileSync(middle, "int b;");
    const seen: number[] = [];
    await runNinja({ ...options, onProgress: (done, total) => void seen.push(done / total) });
    expect(calls()).toBe(callsBefore + 2);
    expect(seen[0]).toBeCloseTo(10 / 60);
    expect(seen.at(-1)).toBe(1);
    expect(existsSync(join(directory, "libx.a"))).toBe(true);
  });
  test("does nothing when all is done", async () => {
    const options = project();
    await runNinja(options);
    await runNinja(options);
    expect(calls()).toBe(3);
  });
  test("that is missing fails with advice", async () => {
    await expect(runNinja({ ...project(), ninja: join(directory, "no-ninja") })).rejects.toThrow("exit code 127");
  });
});
