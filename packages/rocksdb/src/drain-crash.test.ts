import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";

import { contents, failure, open, put, temporaryDirectory } from "./fixtures.test.support.js";
import { version } from "./native.js";
import { completeOptions, type OpenOptions } from "./options.js";
import { TestTable } from "./segments.test.support.js";

// The release binding has no failpoints; `build/asan-test.mjs` runs this with those that have.
const hasFailpoints = version().binding !== "release";
const addon =
  process.env["TIDEMARK_ROCKSDB_BINDING"] ??
  fileURLToPath(new URL(`../prebuilds/${process.platform}-${process.arch}/tidemark_rocksdb.node`, import.meta.url));

const LIST: OpenOptions = { columnFamilies: [{ name: "s", mergeOperator: "list-append" }] };
const POINTS = ["drain-listed", "drain-opened", "drain-finished", "drain-ingested"];

afterEach(() => {
  delete process.env["TIDEMARK_FAILPOINT"];
});

describe.skipIf(!hasFailpoints)("failpoints (skipped with the release binding)", () => {
  test.each(POINTS.slice(0, 3))("an error at %s leaves no file and no change, and the same drain works again", async (point) => {
    const database = await open(temporaryDirectory(), LIST);
    put(database, 1, "k1", "old;");
    const directory = temporaryDirectory();
    const table = new TestTable();
    for (let index = 0; index < 200; index++) {
      table.add(`k${index}`, { kind: "list", layer: 1, pieces: [{ layer: 1, bytes: `${index};`.repeat(20) }] });
    }
    const request = table.request(1, directory, "f", 4096);
    process.env["TIDEMARK_FAILPOINT"] = `${point}:error`;
    expect((await failure(() => database.drain(1, request))).message).toContain(point);
    expect(readdirSync(directory)).toEqual([]);
    expect([...contents(database, 1)]).toEqual([["k1", "old;"]]);
    delete process.env["TIDEMARK_FAILPOINT"];
    expect((await database.drain(1, request)).length).toBeGreaterThan(1);
    expect(contents(database, 1).get("k1")).toBe(`old;${"1;".repeat(20)}`);
    expect(contents(database, 1).size).toBe(200);
  });

  test.each(POINTS)("a process killed at %s leaves all of the drain in the database or nothing", async (point) => {
    const path = temporaryDirectory();
    const directory = temporaryDirectory();
    const source = `const native = require(${JSON.stringify(addon)});
      native.open(${JSON.stringify(path)}, ${JSON.stringify(completeOptions({}))}).then(({ handle: db }) => {
        const memory = native.createTableMemory(), chunk = new DataView(native.addTableChunk(memory, 1024));
        chunk.setUint32(0, 1, true);
        chunk.setUint32(4, 0x10008, true);
        chunk.setUint16(8, 3, true);
        chunk.setUint8(8 + 6, 1);
        chunk.setUint32(8 + 8, 1, true);
        native.drain(db, 0, memory, Uint32Array.of(0), 1, 1024, 0, 1, ${JSON.stringify(directory)}, "f", 1e6, 0xffffffff);
      });`;
    const env = { ...process.env, TIDEMARK_FAILPOINT: point };
    const { signal } = spawnSync(process.execPath, ["-e", source], { env, timeout: 60_000 });
    expect(signal).toBe("SIGKILL");
    const database = await open(path);
    expect(contents(database, 0).size).toBe(point === "drain-ingested" ? 1 : 0);
  });
});
