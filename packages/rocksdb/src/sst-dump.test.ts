import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test, expect } from "vitest";

import { open, put, temporaryDirectory } from "./fixtures.test.support.js";
import { TestTable } from "./segments.test.support.js";

/** Files of a directory as Debian's rocksdb-tools see them; SST_DUMP names another program. */
const sstDump = process.env["SST_DUMP"] ?? "sst_dump";

test("sst_dump of RocksDB 7.8 reads the files of flushes and drains, with an index in one piece and in parts", async ({ skip }) => {
  if (spawnSync(sstDump, ["--help"]).error !== undefined) return skip("sst_dump is not installed (Debian: apt install rocksdb-tools)");
  const path = temporaryDirectory();
  const drained = temporaryDirectory();
  const columnFamilies = [{ name: "s", mergeOperator: "list-append" }] as const;
  for (const compression of ["none", "lz4", "zstd"] as const) {
    const index = { partitionedIndex: compression !== "lz4", cacheIndexAndFilterBlocks: compression !== "lz4" };
    const database = await open(join(path, compression), { compression, columnFamilies, ...index });
    for (let index = 0; index < 100; index++) put(database, 1, `key${index}`, "v".repeat(100));
    await database.flush([1]);
    const table = new TestTable();
    for (let index = 0; index < 100; index++) table.add(`key${index}`, { kind: "value", layer: 1, value: "v".repeat(100) });
    await database.drain(1, table.request(1, drained, compression));
    await database.close();
  }
  const files = [
    ...["none", "lz4", "zstd"].flatMap((name) =>
      readdirSync(join(path, name)).filter((file) => file.endsWith(".sst")).map((file) => join(path, name, file)),
    ),
    ...readdirSync(drained).map((file) => join(drained, file)),
  ];
  expect(files).toHaveLength(9);
  for (const file of files) {
    const { stdout, stderr } = spawnSync(sstDump, [`--file=${file}`, "--command=scan", "--output_hex"], { encoding: "utf8" });
    expect(stderr, file).toBe("");
    expect(stdout.match(/=> 76{200}$|=> (76){100}$/gm), file).toHaveLength(100);
    const check = spawnSync(sstDump, [`--file=${file}`, "--command=verify"], { encoding: "utf8" });
    expect(check.stdout + check.stderr, file).toContain("The file is ok");
  }
});
