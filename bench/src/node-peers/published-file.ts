import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** Has a file written next to `path` and puts it there once it is durable: after a crash there is this one or the one before. */
export async function publishFile(path: string, write: (temporary: string) => void | Promise<void>): Promise<void> {
  const temporary = `${path}.tmp`;
  await write(temporary);
  await synchronize(temporary);
  await rename(temporary, path);
  await synchronize(dirname(path));
}

/** Waits until a file, or the names in a directory, are on disk. */
async function synchronize(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
