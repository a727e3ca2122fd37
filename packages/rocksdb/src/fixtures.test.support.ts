import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";

import { Database } from "./database.js";
import { RocksDBError } from "./errors.js";
import type { OpenOptions } from "./options.js";
import { WriteBatch } from "./write-batch.js";

const directories: string[] = [];
const databases: Database[] = [];

afterEach(async () => {
  await Promise.allSettled(databases.splice(0).map((database) => database.close()));
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A new directory, deleted after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-rocksdb-"));
  directories.push(directory);
  return directory;
}

export function subdirectory(parent: string, name: string): string {
  const path = join(parent, name);
  if (!existsSync(path)) mkdirSync(path);
  return path;
}

/** Opens a database that is closed after the test. */
export async function open(path: string, options: OpenOptions = {}): Promise<Database> {
  const database = await Database.open(path, options);
  databases.push(database);
  return database;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
export const bytes = (text: string): Uint8Array => encoder.encode(text);
export const text = (value: Uint8Array | undefined): string | undefined => (value === undefined ? undefined : decoder.decode(value));

export function put(database: Database, family: number, key: string, value: string): void {
  const batch = new WriteBatch();
  batch.put(family, bytes(key), bytes(value));
  database.write(batch);
}

export const read = (database: Database, family: number, key: string): string | undefined => text(database.getValue(family, bytes(key)));

/** Everything in a column family. */
export function contents(database: Database, family: number): Map<string, string> {
  const result = new Map<string, string>();
  for (const { key, value } of database.iterator(family)) result.set(decoder.decode(key), decoder.decode(value));
  return result;
}

/** The error an action throws or rejects with; fails when it does not, or with something else. */
export async function failure(action: () => unknown): Promise<RocksDBError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof RocksDBError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** Whole numbers from 0 to below - 1 that depend on the seed only (mulberry32). */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below);
  };
}

/** TEST_SEED repeats a failed random test. */
export function testSeed(): number {
  const given = process.env["TEST_SEED"];
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given);
  console.log(`seed ${seed} (repeat with TEST_SEED=${seed})`);
  return seed;
}
