import { mkdtemp, readdir, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const pattern = /^tidemark-bench-(\d+)-/u;
/** What Linux says of a tmpfs: its files are memory, and neither disk speed nor memory use can be measured on it. */
const tmpfsType = 0x0102_1994;
/** A question that needs less than this may run anywhere. */
const smallBytes = 2 ** 30;

/** Where measuring processes keep their files: the system's temporary directory; TMPDIR names another. */
export function scratchRoot(): string {
  return tmpdir();
}

/** A new directory for one measuring process. */
export async function createScratch(root: string): Promise<string> {
  return await mkdtemp(join(root, `tidemark-bench-${process.pid}-`));
}

/** Removes what benchmarks left behind that were killed: directories of processes that are no more. */
export async function removeAbandoned(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const processId = pattern.exec(name)?.[1];
    if (processId === undefined || isRunning(Number(processId))) continue;
    // Another user's stays.
    await rm(join(root, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Throws an Error that says what to do when a directory's disk has too little room, or is memory. */
export async function requireSpace(root: string, neededBytes: number): Promise<void> {
  const { type, bavail, bsize } = await statfs(root);
  if (type === tmpfsType && neededBytes >= smallBytes) {
    throw new Error(`${root} is in memory (tmpfs), so what a disk does cannot be measured there; set TMPDIR to a directory on a disk`);
  }
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  throw new Error(
    `${root} has ${gibibytes(freeBytes)} free, and this needs up to ${gibibytes(neededBytes)}; ` +
      "free some space, set TMPDIR to a directory on another disk, or pass a smaller --size",
  );
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
