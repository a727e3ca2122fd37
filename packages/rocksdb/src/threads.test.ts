import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";

import { failure, open, put, read, temporaryDirectory } from "./fixtures.test.support.js";
import { completeOptions } from "./options.js";

// Workers and child processes load the addon itself, because they do not load TypeScript.
const addon =
  process.env["TIDEMARK_ROCKSDB_BINDING"] ??
  fileURLToPath(new URL(`../prebuilds/${process.platform}-${process.arch}/tidemark_rocksdb.node`, import.meta.url));

const PRELUDE = `
  const native = require(${JSON.stringify(addon)});
  const options = ${JSON.stringify(completeOptions({ writeBufferSizeBytes: 1 << 20 }))};
  const record = (text) => {
    const key = Buffer.from(text), bytes = new Uint8Array(12 + key.length + 1000);
    new DataView(bytes.buffer).setUint32(4, key.length, true);
    new DataView(bytes.buffer).setUint32(8, 1000, true);
    bytes.set(key, 12);
    return bytes;
  };
  const fill = (db, count) => {
    for (let i = 0; i < count; i++) { const r = record("key" + i * 7919 % 5000); native.write(db, r, r.length, false); }
  };
`;

function worker(path: string, body: string): Worker {
  const source = `${PRELUDE} const { parentPort } = require("node:worker_threads");
    (async () => { const { handle: db } = await native.open(${JSON.stringify(path)}, options); ${body} })();`;
  return new Worker(source, { eval: true });
}

describe("threads", () => {
  test("workers open databases of their own beside this thread's; a handle of another thread means nothing", async () => {
    const paths = [temporaryDirectory(), temporaryDirectory(), temporaryDirectory()];
    const here = await open(temporaryDirectory());
    const workers = paths.map((path) =>
      worker(path, `fill(db, 3000); await native.flush(db, [0]); const files = native.liveFiles(db, 0).length;
        await native.close(db); parentPort.postMessage(files);`),
    );
    put(here, 0, "k", "v");
    const results = await Promise.all(workers.map(async (each) => ((await once(each, "message")) as [number])[0]));
    await Promise.all(workers.map((each) => each.terminate()));
    for (const files of results) expect(files).toBeGreaterThan(0);
    for (const path of paths) expect(read(await open(path), 0, "key0")).toHaveLength(1000);
    expect(read(here, 0, "k")).toBe("v");
  });

  test("a directory that another thread has open is in use, and free after that thread was terminated at work", async () => {
    for (const work of ["native.flush(db, [0])", "native.compactRange(db, 0)", "native.close(db)", "native.pinLiveFiles(db, [0], '/')"]) {
      const path = temporaryDirectory();
      const other = worker(path, `fill(db, 2000); native.takeSnapshot(db); native.openIterator(db, 0, 0, 0, new Uint8Array(1), 0, 0);
        parentPort.postMessage("ready"); for (;;) try { await ${work}; } catch { await new Promise(() => setInterval(() => {}, 1e6)); }`);
      await once(other, "message");
      if (!work.includes("close")) expect((await failure(() => open(path))).code, work).toBe("DIRECTORY_IN_USE");
      await other.terminate();
      const mine = await open(path);
      put(mine, 0, "k", "v");
      expect(read(mine, 0, "k")).toBe("v");
    }
  });

  test("ten workers are started and terminated while they open, write and flush", async () => {
    for (let round = 0; round < 10; round++) {
      const path = temporaryDirectory();
      const each = worker(path, `for (;;) { fill(db, 50); native.flush(db, [0]); await new Promise(setImmediate); }`);
      await once(each, "online");
      await new Promise((resolve) => setTimeout(resolve, round * 7));
      await each.terminate();
      await (await open(path)).close();
    }
  });
});

/** Begins a drain of `count` entries as \`drained\`. */
const drain = (count: number, directory: string, prefix = '"d"'): string => `
  const memory = native.createTableMemory(), segments = new Uint32Array(${Math.ceil(count / 60)});
  let chunk = new DataView(native.addTableChunk(memory, segments.length * 4096));
  for (let s = 0, n = 0; s < segments.length; s++) {
    chunk.setUint32(s * 4096, 60, true);
    segments[s] = s;
    for (let i = 0; i < 60; i++, n++) {
      const at = 4 + 240 + i * 60;
      chunk.setUint32(s * 4096 + 4 + 4 * i, 0x10000 | at, true);
      chunk.setUint32(s * 4096 + at, 8 | 40 << 16, true);
      chunk.setUint32(s * 4096 + at + 4, 40 | 1 << 16, true);
      chunk.setUint32(s * 4096 + at + 8, 1, true);
      chunk.setUint32(s * 4096 + at + 12, Math.imul(n, 0x9e3779b1));
      chunk.setUint32(s * 4096 + at + 16, n);
    }
  }
  const into = [${JSON.stringify(directory)}, ${prefix}, 1e6];
  const drained = native.drain(db, 0, memory, segments, segments.length, 4096, 20, 1, ...into, 0xffffffff);`;

describe("a drain", () => {
  test("survives the termination of its worker at any moment: all of it is in the database or none, the lock is free", async () => {
    for (let round = 0; round < 12; round++) {
      const path = temporaryDirectory();
      const files = temporaryDirectory();
      const each = worker(path, `${drain(60_000, files)} native.closeTableMemory(memory); chunk = undefined; parentPort.postMessage("on");
        if (${round} % 3 === 1) native.close(db); if (${round} % 3 === 2) for (;;); await drained; setInterval(() => {}, 1e6);`);
      await once(each, "message");
      await new Promise((resolve) => setTimeout(resolve, round * 4));
      await each.terminate();
      const database = await open(path);
      let count = 0;
      for (const entry of database.iterator(0)) count += entry.key.length === 8 ? 1 : 0;
      expect([0, 60_000]).toContain(count);
      if (count === 0) expect(readdirSync(files)).toEqual([]);
      await database.close();
    }
  });

  test("keeps the process alive until its promise has settled", () => {
    const source = `${PRELUDE} native.open(${JSON.stringify(temporaryDirectory())}, options).then(({ handle: db }) => {
      ${drain(6000, temporaryDirectory())} drained.then((files) => console.log(files.length)); });`;
    const result = spawnSync(process.execPath, ["-e", source], { encoding: "utf8", timeout: 60_000 });
    expect([result.status, result.signal, result.stderr, result.stdout]).toEqual([0, null, "", "1\n"]);
  });
});

/** Files of a target size that a merge of 60,000 of these entries makes. */
const wholeMergeFiles = 4;

/** Drains `count` entries twice and begins to merge what came of it as \`merged\`. */
const merge = (count: number, directory: string, merged: string): string => `
  const inputs = [];
  for (const prefix of ["one", "two"]) {
    const files = await (async () => { ${drain(count, directory, "prefix")} return drained; })();
    inputs.push(...files.map((file) => ({ ...file, path: ${JSON.stringify(directory)} + "/" + file.name })));
  }
  const merged = native.mergeTables(db, 0, inputs, ${JSON.stringify(merged)}, "m", 1e6);`;

describe("a merge", () => {
  test("survives the termination of its worker at any moment: its files are there whole or not at all, the lock is free", async () => {
    for (let round = 0; round < 12; round++) {
      const path = temporaryDirectory();
      const merged = temporaryDirectory();
      const drained = temporaryDirectory();
      // Every other time beside a drain.
      const beside = round % 2 === 0 ? "" : drain(60_000, drained);
      const each = worker(path, `${merge(60_000, drained, merged)} merged.catch(() => {}); ${beside} parentPort.postMessage("on");
        if (${round} % 3 === 1) native.close(db); if (${round} % 3 === 2) for (;;); setInterval(() => {}, 1e6);`);
      await once(each, "message");
      await new Promise((resolve) => setTimeout(resolve, round * 4));
      await each.terminate();
      expect([0, wholeMergeFiles]).toContain(readdirSync(merged).length);
      await (await open(path)).close();
    }
  });

  test("keeps the process alive until its promise has settled", () => {
    const source = `${PRELUDE} native.open(${JSON.stringify(temporaryDirectory())}, options).then(async ({ handle: db }) => {
      ${merge(60_000, temporaryDirectory(), temporaryDirectory())} merged.then((files) => console.log(files.length)); });`;
    const result = spawnSync(process.execPath, ["-e", source], { encoding: "utf8", timeout: 60_000 });
    expect([result.status, result.signal, result.stderr, result.stdout]).toEqual([0, null, "", `${wholeMergeFiles}\n`]);
  });
});

describe("process.exit", () => {
  test.each<[string, string]>([
    ["with an open database", "process.exit(0);"],
    ["with a snapshot", "native.takeSnapshot(db); process.exit(0);"],
    ["with an iterator", "native.openIterator(db, 0, 0, 0, new Uint8Array(1), 0, 0); process.exit(0);"],
    ["during a flush", "native.flush(db, [0]); process.exit(0);"],
    ["during a compaction", "native.compactRange(db, 0); process.exit(0);"],
    ["during a drain", `${drain(60_000, "DIRECTORY")} process.exit(0);`],
    ["in the middle of a drain", `${drain(60_000, "DIRECTORY")} setTimeout(() => process.exit(0), 15);`],
    ["during a merge", `${merge(60_000, "DIRECTORY", "DIRECTORY")} process.exit(0);`],
    ["during close", "native.close(db); process.exit(0);"],
    ["during an open", `native.open(${JSON.stringify("/dev/null/x")}, options).catch(() => {}); process.exit(0);`],
    ["by running out of work", ""],
  ])("%s ends with code 0", (_name, template) => {
    const ending = template.replaceAll("DIRECTORY", temporaryDirectory());
    const source = `${PRELUDE} process.once("exit", () => native.prepareExit());
      native.open(${JSON.stringify(temporaryDirectory())}, options).then(async ({ handle: db }) => { fill(db, 5000); ${ending} });`;
    const result = spawnSync(process.execPath, ["-e", source], { encoding: "utf8", timeout: 60_000 });
    expect(result.stderr).toBe("");
    expect([result.status, result.signal]).toEqual([0, null]);
  });

  test("without the exit hook does not crash either", () => {
    const source = `${PRELUDE} native.open(${JSON.stringify(temporaryDirectory())}, options).then(({ handle: db }) => {
      fill(db, 5000); native.compactRange(db, 0); native.flush(db, [0]); process.exit(0); });`;
    const result = spawnSync(process.execPath, ["-e", source], { encoding: "utf8", timeout: 60_000 });
    expect([result.status, result.signal, result.stderr]).toEqual([0, null, ""]);
  });
});
