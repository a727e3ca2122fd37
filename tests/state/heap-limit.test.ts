import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";

/** Fills a state until it is refused, then checks what is there and that there is room again after clearing. Runs in a small heap. */
const program = `
import { int64, listState, mapState, msgpack, string, valueState } from "@tidemark/core/state";
import { NodeFileSystem } from "@tidemark/core/storage";
import { fsBackend } from "@tidemark/state-fs";
import { memoryBackend } from "@tidemark/state-memory";
const [backend, directory, kind, bytes] = [...process.argv.slice(1, 4), Number(process.argv[4])];
const fileSystem = new NodeFileSystem();
const state = await (backend === "memory" ? memoryBackend() : fsBackend({ directory })).open({
  job: "j", operator: "o", subtask: 0, generation: 1, keySerializer: int64(), keyGroups: { first: 0, last: 127 }, maxParallelism: 128,
  fileSystem, nowMs: () => 0,
});
const eight = (n) => String.fromCharCode(97 + n % 26).repeat(8);
const value = (n) => ({ n, text: Array.from({ length: bytes / 8 }, (_, i) => eight(n + i)).join("") });
const values = state.getState(valueState("values", msgpack()));
const maps = state.getState(mapState("maps", string(), msgpack()));
const large = state.getState(mapState("large", int64(), string()));
const lists = state.getState(listState("lists", msgpack()));
const kinds = {
  values: {
    put: (n) => { state.setCurrentKey(n); values.update(value(n)); },
    get: (n) => { state.setCurrentKey(n); return values.value()?.n; },
  },
  maps: {
    put: (n) => { state.setCurrentKey(n % 7); maps.put("entry " + n, value(n)); },
    get: (n) => { state.setCurrentKey(n % 7); return maps.get("entry " + n)?.n; },
  },
  "large packed maps": {
    put: (n) => { state.setCurrentKey(n % 7); large.put(n, n + value(n).text); },
    get: (n) => { state.setCurrentKey(n % 7); return Number.parseInt(large.get(n)); },
  },
  lists: {
    put: (n) => { state.setCurrentKey(n % 1000); lists.add(value(n)); },
    get: (n) => { state.setCurrentKey(n % 1000); return lists.get()[Math.floor(n / 1000)]?.n; },
  },
  timers: {
    put: (n) => { state.setCurrentKey(n); state.timers("event").register(n); },
    get: (n) => (state.timers("event").nextTimeMs() === 0 ? n : -1),
  },
};
const { put, get } = kinds[kind];
let count = 0;
let error;
try {
  for (; ; count += 1) put(count);
} catch (thrown) {
  error = thrown;
}
if (error.code !== "NO_MEMORY") throw error;
for (let n = 0; n < count; n += 97) if (get(n) !== n) throw new Error("entry " + n + " is " + get(n));
if (kind === "values") {
  const clear = (n) => {
    state.setCurrentKey(n);
    values.clear();
  };
  let cleared = 0;
  while (cleared < count / 2) clear(cleared++);
  for (let pass = 0; pass < 3; pass += 1) gc();
  // fs keeps what was cleared until a materialisation that began before has ended.
  const mayBeRefused = backend === "fs";
  for (let n = 0, refusals = 0; n < count / 10; ) {
    try {
      put(n);
      n += 1;
    } catch (error) {
      refusals += 1;
      if (!mayBeRefused || error.code !== "NO_MEMORY" || refusals === 20_000) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
      for (let more = count / 100; more > 0 && cleared < count; more -= 1) clear(cleared++);
      if (refusals % 50 === 1) gc();
    }
  }
}
console.log(JSON.stringify({ count, message: error.message }));
await state.close();
`;

describe.each(["memory", "fs"])("near the heap limit a change of %s state throws NO_MEMORY instead of ending the process", (backend) => {
  test.each([
    { kind: "values", bytes: 16 },
    { kind: "values", bytes: 1_000_000 },
    { kind: "maps", bytes: 16 },
    { kind: "large packed maps", bytes: 400 },
    { kind: "lists", bytes: 100 },
    { kind: "timers", bytes: 100 },
  ])("$kind of $bytes bytes", ({ kind, bytes }) => {
    const directory = mkdtempSync(join(tmpdir(), "tidemark-heap-limit-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const options = ["--max-old-space-size=64", "--expose-gc", "--input-type=module"];
    const args = [...options, "--eval", program, backend, directory, kind, String(bytes)];
    const cwd = fileURLToPath(new URL("..", import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: "utf8" });
    expect(status, stderr).toBe(0);
    const { count, message } = JSON.parse(stdout) as { count: number; message: string };
    expect(message).toMatch(/^no room for more state: \d+ MiB of the JavaScript heap are in use and the limit is 64 MiB;/);
    expect(message).toContain("--max-old-space-size");
    // A good part of the heap was used.
    expect(count * (bytes + 40)).toBeGreaterThan(4 * 2 ** 20);
  });
});
