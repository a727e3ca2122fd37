import { type Database, RocksDBError, TableMemory } from "@tidemark/rocksdb";
import { expect, test } from "vitest";
import { RocksDBBacking } from "./rocksdb-backing.js";

/** What a drain that fails with an error is reported as, and whether RocksDB was told to go on. */
async function drained(code: RocksDBError["code"], message: string): Promise<{ code: unknown; isResumed: boolean }> {
  let isResumed = false;
  const database = {
    drain: () => Promise.reject(new RocksDBError(code, message)),
    resume: () => {
      isResumed = true;
      return Promise.reject(new RocksDBError("IO", "not yet"));
    },
  } as unknown as Database;
  const memory = TableMemory.create();
  const backing = new RocksDBBacking({ database, memory, columnFamily: 1, directory: "none", targetFileBytes: 1, isEmpty: true });
  const frozen = { layer: 1, segments: new Uint32Array(), segmentCount: 0 } as unknown as Parameters<typeof backing.drain>[0];
  const error: unknown = await backing.drain(frozen).catch((failure: unknown) => failure);
  memory.close();
  return { code: (error as { readonly code?: unknown }).code, isResumed };
}

test("after an error that is not a full disk RocksDB is told that it may go on; it looks for room by itself", async () => {
  expect(await drained("IO", "Too many open files")).toEqual({ code: "IO", isResumed: true });
  expect(await drained("ROCKSDB", "the database is stopped")).toEqual({ code: "ROCKSDB", isResumed: true });
  expect(await drained("NO_SPACE", "No space left on device")).toEqual({ code: "NO_SPACE", isResumed: false });
});

test("a full disk is NO_SPACE also where RocksDB hides it in another error", async () => {
  const hidden = "cannot open: DB::Open() failed --- Unable to persist Options file: IO error: No space left on device: While appending";
  expect(await drained("IO", hidden)).toEqual({ code: "NO_SPACE", isResumed: false });
});
