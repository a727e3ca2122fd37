import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StateBackend } from "@tidemark/core";
import { fsBackend } from "@tidemark/state-fs";
import { memoryBackend } from "@tidemark/state-memory";
import { rocksdbBackend } from "@tidemark/state-rocksdb";
import { onTestFinished } from "vitest";

/** A directory that goes when the test ends. */
export async function scratchDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-engine-"));
  onTestFinished(async () => await rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Every backend, made for a directory. */
export const backends: readonly { readonly name: string; readonly create: (directory: string) => StateBackend }[] = [
  { name: "memory", create: () => memoryBackend() },
  { name: "fs", create: (directory) => fsBackend({ directory: join(directory, "state") }) },
  { name: "rocksdb", create: (directory) => rocksdbBackend({ directory: join(directory, "state") }) },
];

/** Swallows log lines. */
export const silentLogger = { info: () => undefined, warn: () => undefined, error: () => undefined };
