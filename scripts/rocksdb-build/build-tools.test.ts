import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cCompilerOf, findTools } from "../../packages/rocksdb/build/build-tools.mjs";
import { requireTools } from "../../packages/rocksdb/build/install-tools.mjs";
import { isAtLeast, versionIn } from "../../packages/rocksdb/build/versions.mjs";

let root: string;
let bin: string;
const log: string[] = [];

/** A program of that name first on the PATH, as a shell script. */
function program(name: string, script: string, directory = bin): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(directory, name), 0o755);
}

function tool(name: string, versionLine: string, directory = bin): void {
  program(name, `echo '${versionLine}'`, directory);
}

function goodTools(): void {
  tool("g++", "g++ (Debian 12.2.0-14) 12.2.0");
  tool("cmake", "cmake version 3.25.1");
  tool("ninja", "1.11.1");
  tool("cargo", "cargo 1.95.0 (f2d3ce0bd 2026-03-21)");
}

/** apt-get that notes its arguments and runs `install` when asked to install; apt-cache that knows Debian 12's packages. */
function fakeApt(install: string): void {
  program("apt-get", `echo "$@" >> '${join(root, "apt.log")}'; case "$1" in install) ${install};; esac`);
  program(
    "apt-cache",
    'case "$1 $2" in "policy cargo") echo "  Candidate: 0.66.0+ds1-1";; "policy cargo-web") echo "  Candidate: 1.96.0+dfsg1-1";; esac',
  );
}

const all = ["compiler", "cmake", "ninja", "cargo"] as const;
const options = (isRoot: boolean, platform: NodeJS.Platform = "linux") => ({
  // /bin for the shell's own programs only; no real tool of this machine is in the fake directory before it.
  env: { PATH: bin, HOME: join(root, "home") },
  log: (line: string) => void log.push(line),
  isRoot,
  platform,
  systemDirectory: join(root, "usr-lib"),
});

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tidemark-tools-"));
  bin = join(root, "bin");
  mkdirSync(bin);
  log.length = 0;
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("finding build tools", () => {
  test("takes what is new enough", async () => {
    goodTools();
    const tools = await requireTools(all, options(false));
    expect([tools.compiler.version, tools.cmake.version, tools.ninja.version, tools.cargo.version]).toEqual([
      "12.2.0", "3.25.1", "1.11.1", "1.95.0",
    ]);
  });
  test("an old cargo first on the PATH does not hide rustup's", async () => {
    goodTools();
    tool("cargo", "cargo 1.65.0");
    tool("cargo", "cargo 1.90.0", join(root, "home/.cargo/bin"));
    expect((await requireTools(["cargo"], options(false))).cargo.version).toBe("1.90.0");
  });
  test("finds the versioned Rust of Ubuntu", async () => {
    goodTools();
    tool("cargo", "cargo 1.75.0");
    tool("cargo", "cargo 1.89.0", join(root, "usr-lib/rust-1.89/bin"));
    expect((await requireTools(["cargo"], options(false))).cargo.version).toBe("1.89.0");
  });
  test("a program that fails counts as missing, and the next one is tried", async () => {
    goodTools();
    program("g++", "echo 'rustup could not choose a version 1.2.3'; exit 1");
    tool("clang++", "Debian clang version 14.0.6");
    expect((await requireTools(["compiler"], options(false))).compiler.path).toBe(join(bin, "clang++"));
  });
  test("CXX is the only compiler looked at when set", async () => {
    goodTools();
    const { missing } = await findTools(["compiler"], { ...options(false), env: { ...options(false).env, CXX: "/nowhere/g++" } });
    expect(missing[0]?.found).toBe("/nowhere/g++ (does not run)");
  });
  test("clang has its own minimum, whatever its name", async () => {
    tool("g++", "Apple clang version 13.1.6");
    const { missing } = await findTools(["compiler"], options(false));
    expect(missing[0]?.found).toContain("13.1.6");
  });
});

describe("what is missing or too old", () => {
  test("without the right to install: what, and the exact command", async () => {
    goodTools();
    tool("cargo", "cargo 1.65.0");
    rmSync(join(bin, "cmake"));
    fakeApt("exit 9");
    const failure = requireTools(all, options(false));
    await expect(failure).rejects.toThrow("RocksDB needs cmake >= 3.16 to build; found: none.");
    await expect(failure).rejects.toThrow(`RocksDB needs cargo >= 1.85 to build; found: ${join(bin, "cargo")} 1.65.0.`);
    await expect(failure).rejects.toThrow("sudo apt-get update && sudo apt-get install -y --no-install-recommends cmake cargo-web");
    // Asked for its version, and for nothing else.
    expect(readFileSync(join(root, "apt.log"), "utf8")).toBe("--version\n");
  });
  test("without apt-get: what to install; on macOS with its commands", async () => {
    goodTools();
    rmSync(join(bin, "ninja"));
    rmSync(join(bin, "g++"));
    await expect(requireTools(all, options(true))).rejects.toThrow("with this system's package manager");
    await expect(requireTools(all, options(true, "darwin"))).rejects.toThrow("xcode-select --install && brew install ninja");
  });
  test("as root on Debian: exactly what is missing is installed", async () => {
    goodTools();
    tool("cargo", "cargo 1.65.0");
    rmSync(join(bin, "ninja"));
    const newNinja = join(root, "new-ninja");
    writeFileSync(newNinja, "#!/bin/sh\necho 1.11.1\n");
    fakeApt(`/bin/cp '${newNinja}' '${bin}/ninja'; /bin/chmod +x '${bin}/ninja'; echo "echo cargo 1.96.0" > '${bin}/cargo'`);
    const tools = await requireTools(all, options(true));
    expect(tools.cargo.version).toBe("1.96.0");
    expect(readFileSync(join(root, "apt.log"), "utf8").split("\n").slice(1, -1)).toEqual([
      "update", "install -y --no-install-recommends ninja-build cargo-web ca-certificates",
    ]);
    expect(log).toEqual(["installing build tools with apt-get: ninja >= 1.8, cargo >= 1.85"]);
  });
  test("an installation that fails, or brings something too old, says so", async () => {
    goodTools();
    rmSync(join(bin, "cmake"));
    fakeApt("echo 'E: no space left'; exit 100");
    await expect(requireTools(all, options(true))).rejects.toThrow(/apt-get install .* failed \(exit code 100\):\nE: no space left/);
    fakeApt(`:`);
    await expect(requireTools(all, options(true))).rejects.toThrow("which is too old on this system");
  });
});

describe("versions", () => {
  test("are compared as numbers", () => {
    expect(isAtLeast("3.9", "3.16")).toBe(false);
    expect(isAtLeast("3.16", "3.16.0")).toBe(true);
    expect(isAtLeast("12.2.0", "11")).toBe(true);
    expect(isAtLeast("1.85.0", "1.85.1")).toBe(false);
  });
  test("are found in what tools print", () => {
    expect(versionIn("cargo 1.95.0 (f2d3ce0bd 2026-03-21)")).toBe("1.95.0");
    expect(versionIn("no version")).toBeUndefined();
  });
  test("a C++ compiler's C compiler", () => {
    expect(["/usr/bin/g++-12", "clang++", "/opt/c++"].map(cCompilerOf)).toEqual(["/usr/bin/gcc-12", "clang", "/opt/cc"]);
  });
});
