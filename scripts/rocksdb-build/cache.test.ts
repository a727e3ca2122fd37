import { spawn } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { acquireLock } from "../../packages/rocksdb/build/build-lock.mjs";
import { cacheDirectory, prepareDirectory } from "../../packages/rocksdb/build/cache-directory.mjs";
import { stagedPrefix } from "../../packages/rocksdb/build/compile.mjs";
import { damageOf, writeManifest } from "../../packages/rocksdb/build/manifest.mjs";
import { ensureRocksdb } from "../../packages/rocksdb/build/rocksdb.mjs";

let root: string;
let log: string[];
let builds: number;
const env = () => ({ ...process.env, TIDEMARK_CACHE: root, TIDEMARK_ROCKSDB_PREFIX: "", ROCKSDB_SOURCE: "" });

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function versionHeader(patch: number): string {
  return `#define ROCKSDB_MAJOR 11\n#define ROCKSDB_MINOR 8\n#define ROCKSDB_PATCH ${patch}\n`;
}

/** Makes a prefix with small files, as the real build does with large ones. */
async function tinyBuild({ work }: { work: string }): Promise<void> {
  builds += 1;
  await new Promise((resolve) => setTimeout(resolve, 50));
  for (const name of ["librocksdb.a", "liblz4.a", "libzstd.a"]) write(join(stagedPrefix(work), "lib", name), `contents of ${name}`);
  write(join(stagedPrefix(work), "include/rocksdb/db.h"), "// header");
  writeManifest(stagedPrefix(work), { version: "11.8.1", flags: "", commit: "", compiler: "" });
}

const ensure = (build = tinyBuild) => ensureRocksdb({ log: (line: string) => void log.push(line), env: env(), build, pollMs: 5 });

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tidemark-cache-"));
  log = [];
  builds = 0;
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("the cache of RocksDB builds", () => {
  test("builds once, and leaves nothing but the result", async () => {
    const first = await ensure();
    expect(first.built).toBe(true);
    expect(await ensure()).toEqual({ prefix: first.prefix, built: false });
    expect(builds).toBe(1);
    expect(readdirSync(join(root, "rocksdb"))).toHaveLength(1);
    expect(log).toEqual([]);
  });
  test("a build that fails is not published, keeps its work, and the next one goes on there", async () => {
    const failing = async ({ work }: { work: string }): Promise<void> => {
      write(join(work, "objects", "a.o"), "compiled");
      throw new Error("interrupted");
    };
    await expect(ensure(failing)).rejects.toThrow("interrupted");
    expect(readdirSync(join(root, "rocksdb")).every((name) => name.endsWith(".work"))).toBe(true);
    let found = "";
    await ensure(async (options: { work: string }) => {
      found = readFileSync(join(options.work, "objects", "a.o"), "utf8");
      await tinyBuild(options);
    });
    expect(found).toBe("compiled");
    expect(readdirSync(join(root, "rocksdb"))).toHaveLength(1);
  });
  test("two at once: one builds, the other waits, says so, and uses the result", async () => {
    const results = await Promise.all([ensure(), ensure(), ensure()]);
    expect(builds).toBe(1);
    expect(results.filter((result) => result.built)).toHaveLength(1);
    expect(log.filter((line) => line.includes("another process"))).toHaveLength(2);
  });

  const damages: [string, (prefix: string) => void, RegExp][] = [
    ["a shortened library", (prefix) => truncateSync(join(prefix, "lib/librocksdb.a"), 3), /lib\/librocksdb\.a has 3 bytes instead of/],
    ["a changed byte", (prefix) => writeFileSync(join(prefix, "lib/liblz4.a"), "Contents of liblz4.a"), /liblz4\.a has other contents/],
    ["a missing header", (prefix) => rmSync(join(prefix, "include/rocksdb/db.h")), /db\.h is missing/],
    ["no manifest", (prefix) => rmSync(join(prefix, "tidemark-build.json")), /missing or not JSON/],
    ["half a manifest", (prefix) => truncateSync(join(prefix, "tidemark-build.json"), 40), /missing or not JSON/],
    ["an empty manifest", (prefix) => writeFileSync(join(prefix, "tidemark-build.json"), "{}"), /does not list the libraries/],
    ["null", (prefix) => writeFileSync(join(prefix, "tidemark-build.json"), "null"), /does not list the libraries/],
  ];
  test.each(damages)("%s is found, told and built again", async (_name, damage, message) => {
    const { prefix } = await ensure();
    damage(prefix);
    expect(damageOf(prefix)).toMatch(message);
    expect((await ensure()).built).toBe(true);
    expect(builds).toBe(2);
    expect(log).toHaveLength(1);
    expect(log[0]).toMatch(/is damaged .* building it again/);
    expect(damageOf(prefix)).toBeUndefined();
  });

  test("a cache that cannot be written says what to set", () => {
    write(join(root, "file"), "");
    expect(() => prepareDirectory(join(root, "file", "below"))).toThrow(/Cannot create .* Set TIDEMARK_CACHE/);
  });
  test("where the cache is", () => {
    expect(cacheDirectory({ TIDEMARK_CACHE: "/a", XDG_CACHE_HOME: "/b", HOME: "/c" })).toBe("/a");
    expect(cacheDirectory({ XDG_CACHE_HOME: "/b", HOME: "/c" })).toBe("/b/tidemark");
    expect(cacheDirectory({ XDG_CACHE_HOME: "relative", HOME: "/c" })).toBe("/c/.cache/tidemark");
    expect(cacheDirectory({ TIDEMARK_CACHE: "", HOME: "/c" })).toBe("/c/.cache/tidemark");
  });
});

describe("what the environment gives", () => {
  test("a prefix that lacks something, or is another version, is refused", async () => {
    const prefix = join(root, "given");
    const withPrefix = () => ensureRocksdb({ log: () => {}, env: { ...env(), TIDEMARK_ROCKSDB_PREFIX: prefix } });
    await expect(withPrefix()).rejects.toThrow("lacks include/rocksdb/version.h, librocksdb.a, liblz4.a, libzstd.a");
    for (const name of ["librocksdb.a", "liblz4.a", "libzstd.a"]) write(join(prefix, "lib", name), "");
    const header = (patch: number) => write(join(prefix, "include/rocksdb/version.h"), versionHeader(patch));
    header(0);
    await expect(withPrefix()).rejects.toThrow("is RocksDB 11.8.0, but the binding is written for 11.8.1");
    header(1);
    expect(await withPrefix()).toEqual({ prefix, built: false });
  });
  test("a source tree that is none is refused before anything is built", async () => {
    const source = { ...env(), ROCKSDB_SOURCE: root };
    await expect(ensureRocksdb({ log: () => {}, env: source, build: tinyBuild })).rejects.toThrow("is not a RocksDB source tree");
    expect(builds).toBe(0);
  });
  test("another source tree gets another cache entry, and so does an edit in it", async () => {
    const source = join(root, "source");
    write(join(source, "include/rocksdb/version.h"), versionHeader(1));
    write(join(source, "CMakeLists.txt"), "");
    const withSource = () => ensureRocksdb({ log: () => {}, env: { ...env(), ROCKSDB_SOURCE: source }, build: tinyBuild });
    const prefixes = [(await ensure()).prefix, (await withSource()).prefix];
    appendFileSync(join(source, "CMakeLists.txt"), "# edited");
    prefixes.push((await withSource()).prefix);
    expect(new Set(prefixes).size).toBe(3);
  });
});

describe("the lock", () => {
  const lockPath = () => join(root, "lock");
  const take = (onWait: () => void = () => {}) => acquireLock(lockPath(), { onWait, pollMs: 5 });

  test("is one process's at a time, and free after release", async () => {
    let holders = 0;
    let most = 0;
    let waits = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const release = await take(() => (waits += 1));
        most = Math.max(most, ++holders);
        await new Promise((resolve) => setTimeout(resolve, 5));
        holders -= 1;
        release();
      }),
    );
    expect(most).toBe(1);
    expect(waits).toBe(7);
    expect(readdirSync(root)).toEqual([]);
  });
  test("of a dead process is taken over, also when two find it at once", async () => {
    const child = spawn(process.execPath, ["-e", ""]);
    await new Promise((resolve) => child.on("close", resolve));
    writeFileSync(lockPath(), JSON.stringify({ pid: child.pid, startTime: "1", host: hostname() }));
    const order: string[] = [];
    const one = async (name: string): Promise<void> => {
      const release = await take();
      order.push(`${name} in`);
      await new Promise((resolve) => setTimeout(resolve, 10));
      order.push(`${name} out`);
      release();
    };
    await Promise.all([one("a"), one("b")]);
    expect([order[0]?.slice(2), order[1]?.slice(2), order[2]?.slice(2), order[3]?.slice(2)]).toEqual(["in", "out", "in", "out"]);
  });
  test.runIf(process.platform === "linux")("of an earlier process with the same pid is taken over", async () => {
    writeFileSync(lockPath(), JSON.stringify({ pid: process.pid, startTime: "1", host: hostname() }));
    (await take())();
    expect(existsSync(lockPath())).toBe(false);
  });
  test("of another host is waited for while it is touched, and one of nonsense too", async () => {
    for (const text of [JSON.stringify({ pid: 1, startTime: "1", host: "elsewhere" }), "nonsense"]) {
      writeFileSync(lockPath(), text);
      let waited = false;
      const later = take(() => (waited = true));
      await new Promise((resolve) => setTimeout(resolve, 40));
      expect(waited).toBe(true);
      rmSync(lockPath());
      (await later)();
    }
  });
});
