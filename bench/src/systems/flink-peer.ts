import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "../runner/measuring-process.js";

/** The Maven project with the same workloads on Flink. */
const project = fileURLToPath(new URL("../../peers/flink/", import.meta.url));
const classPathFile = join(project, "target", "class-path.txt");
const stampFile = join(project, "target", "sources.sha256");
const oldestJava = 17;

/** JDK packages that Flink and Kryo look into. */
const openedPackages = [
  "java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.text", "java.time",
  "java.util", "java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks",
];

/** Flink, built and ready, or why it cannot be. */
export type FlinkPeer = { readonly command: (args: readonly string[], options: JvmOptions) => Command } | { readonly missing: string };

interface JvmOptions {
  readonly heapMiB: number;
  /** For files of the JVM and of libraries. */
  readonly directory: string;
}

/** Builds the Maven project when its sources changed. Throws when the build fails. */
export async function prepareFlink(log: (line: string) => void): Promise<FlinkPeer> {
  const missing = (await missingJava()) ?? (await missingMaven());
  if (missing !== undefined) return { missing };
  const hash = await sourceHash();
  if (!(await isBuilt(hash))) {
    log("building the Flink peer with Maven; the first time it downloads about 150 MB");
    await build();
    await writeFile(stampFile, hash);
  }
  const classPath = [join(project, "target", "classes"), (await readFile(classPathFile, "utf8")).trim()].join(delimiter);
  return {
    command: (args, { heapMiB, directory }) => ({
      program: "java",
      args: [
        `-Xms${heapMiB}m`,
        `-Xmx${heapMiB}m`,
        `-Djava.io.tmpdir=${directory}`,
        ...openedPackages.map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`),
        "-cp",
        classPath,
        "tidemark.bench.Main",
        ...args,
      ],
    }),
  };
}

/** Whether Flink could run now without building anything. */
export async function isFlinkBuilt(): Promise<boolean> {
  return (await missingJava()) === undefined && (await missingMaven()) === undefined && (await isBuilt(await sourceHash()));
}

async function missingJava(): Promise<string | undefined> {
  const output = await run("java", ["-version"]).catch(() => undefined);
  if (output === undefined) return "java was not found; install a JDK, version 17 or newer";
  const version = Number(/version "(\d+)/u.exec(output)?.[1]);
  return version >= oldestJava ? undefined : `Java ${oldestJava} or newer is needed, and java -version says:\n${output.trim()}`;
}

async function missingMaven(): Promise<string | undefined> {
  const output = await run("mvn", ["-version"]).catch(() => undefined);
  return output === undefined ? "mvn was not found; install Apache Maven 3.6 or newer" : undefined;
}

async function isBuilt(hash: string): Promise<boolean> {
  const stamp = await readFile(stampFile, "utf8").catch(() => "");
  if (stamp !== hash) return false;
  // Someone may have emptied Maven's repository since.
  const classPath = await readFile(classPathFile, "utf8").catch(() => "");
  return classPath !== "" && classPath.trim().split(delimiter).every((path) => existsSync(path));
}

async function build(): Promise<void> {
  const args = ["-q", "-B", "process-classes"];
  try {
    // Without the network when everything is there already: that is much faster.
    await run("mvn", ["-o", ...args]);
  } catch {
    await run("mvn", args);
  }
}

/** Of the project file and all sources, with their names. */
async function sourceHash(): Promise<string> {
  const hash = createHash("sha256");
  const entries = await readdir(join(project, "src"), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const path of [join(project, "pom.xml"), ...files.sort()]) {
    hash.update(path.slice(project.length)).update("\0").update(await readFile(path)).update("\0");
  }
  return hash.digest("hex");
}

/** All that a program printed, of both kinds. Throws when it cannot be started or fails. */
function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd: project, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout + stderr);
      else reject(new Error(`${program} ${args.join(" ")} failed\n${(stdout + stderr).trim().slice(-4_000)}`, { cause: error }));
    });
  });
}
