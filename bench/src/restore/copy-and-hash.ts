import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { promisify } from "node:util";
import { filesIn } from "../checkpointed-job/directory-growth.js";

const run = promisify(execFile);

/** Versions of the programs, for the rows of a result. Rejects when they are missing. */
export async function describeCopy(): Promise<string> {
  const [copy, hash] = await Promise.all(["cp", "sha256sum"].map(async (name) => (await run(name, ["--version"])).stdout.split("\n")[0]));
  return `${copy}, ${hash}`;
}

/** `cp -r`, then `sha256sum` of every copied file; the copy is removed again. Returns how many files there were. */
export async function copyAndHash(from: string, to: string): Promise<number> {
  try {
    await run("cp", ["-r", from, to]);
    const paths = (await filesIn(to)).map(({ path }) => path);
    const { stdout } = await run("sha256sum", ["--", ...paths], { maxBuffer: 2 ** 26 });
    return stdout.trimEnd().split("\n").length;
  } finally {
    await rm(to, { recursive: true, force: true });
  }
}
