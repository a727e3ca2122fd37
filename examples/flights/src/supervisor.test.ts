import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wallClock } from "./clock.js";
import { killShares } from "./seeded-random.js";
import { supervise, type SupervisorEvent, type SupervisorOptions, type SupervisorResult } from "./supervisor.js";

let directory = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-supervisor-"));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

let programs = 0;

/** Runs a program in place of the job. */
async function run(
  program: string,
  options: Partial<SupervisorOptions> = {},
): Promise<{ result: SupervisorResult; events: SupervisorEvent[] }> {
  const entry = join(directory, `child-${programs++}.mjs`);
  await writeFile(entry, program);
  const events: SupervisorEvent[] = [];
  const onEvent = (event: SupervisorEvent): void => void events.push(event);
  const result = await supervise({
    entry,
    args: [join(directory, `state-${programs}`)],
    seed: 1,
    kills: 2,
    clock: wallClock,
    onEvent,
    ...options,
  });
  return { result, events };
}

/** Counts to 100 with a checkpoint every 7 records in a file, and goes on from it. */
const counter = `
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
const path = process.argv[2];
let { id, records } = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : { id: 0, records: 0 };
if (id > 0) process.send({ type: "restored", checkpoint: id });
const step = setInterval(() => {
  records++;
  process.send({ type: "progress", records, total: 100, stateBytes: records * 10 });
  if (records % 7 === 0) {
    writeFileSync(path + ".tmp", JSON.stringify({ id: ++id, records }));
    renameSync(path + ".tmp", path);
    process.send({ type: "checkpoint", id, newBytes: 7, totalBytes: records, durationMs: 1 });
  }
  if (records === 100) {
    clearInterval(step);
    process.send({ type: "done", records, duplicates: 3 }, () => process.disconnect());
  }
}, 2);
`;

function lives(events: readonly SupervisorEvent[]): SupervisorEvent[][] {
  const parts: SupervisorEvent[][] = [];
  for (const event of events) {
    if (event.type === "started") parts.push([]);
    else parts.at(-1)?.push(event);
  }
  return parts;
}

describe("supervise", () => {
  test.each([0, 1, 2, 4])("%i kills, each after a checkpoint of its life and before the end", async (kills) => {
    const { result, events } = await run(counter, { kills, seed: 99 + kills });
    expect(result).toMatchObject({ kills, done: { type: "done", records: 100, duplicates: 3 } });
    expect(result.restores).toHaveLength(kills);
    const parts = lives(events);
    expect(parts).toHaveLength(kills + 1);
    const shares = killShares(99 + kills, kills);
    for (const [index, life] of parts.entries()) {
      const progress = life.filter((event) => event.type === "progress");
      expect(life.some((event) => event.type === "checkpoint")).toBe(true);
      expect(life.some((event) => event.type === "killed")).toBe(index < kills);
      expect(life.some((event) => event.type === "done")).toBe(index === kills);
      expect((progress.at(-1)?.records ?? 0) / 100).toBeGreaterThanOrEqual(shares[index] ?? 1);
    }
  });

  test("keeps completed and failed checkpoints apart", async () => {
    const { result } = await run(
      `process.send({ type: "checkpoint", id: 1, newBytes: 0, totalBytes: 0, durationMs: 1, failed: "disk full" });
       process.send({ type: "checkpoint", id: 2, newBytes: 1, totalBytes: 1, durationMs: 1 });
       process.send({ type: "done", records: 1, duplicates: 0 }, () => process.disconnect());`,
      { kills: 0 },
    );
    expect(result.checkpoints.map(({ id }) => id)).toEqual([2]);
    expect(result.failedCheckpoints.map(({ id }) => id)).toEqual([1]);
  });

  test("a job that is done too early to be killed is an error", async () => {
    const program = `process.send({ type: "done", records: 1, duplicates: 0 }, () => process.disconnect());`;
    await expect(run(program)).rejects.toMatchObject({ code: "INVALID_CONFIGURATION", message: expect.stringContaining("kill 1 of 2") });
  });

  test.each([
    ["dies with a code", "console.error('out of luck'); process.exit(7)", /ended with code 7[^]*out of luck/u],
    ["is killed by another", "console.log('hm'); process.kill(process.pid, 'SIGKILL')", /ended by SIGKILL/u],
    ["ends without being done", "process.disconnect()", /ended with code 0\. It printed nothing/u],
    [
      "says done and then crashes",
      "process.send({ type: 'done', records: 1, duplicates: 0 }, () => process.exit(3))",
      /ended with code 3/u,
    ],
    ["is no program", "this is not JavaScript", /ended with code 1[^]*SyntaxError/u],
  ])("a job that %s is an error with its output", async (_, program, message) => {
    await expect(run(program, { kills: 0 })).rejects.toMatchObject({ code: "INTERNAL", message: expect.stringMatching(message) });
  });

  test("an entry that is not there", async () => {
    const options = { entry: join(directory, "none.mjs"), args: [], seed: 1, kills: 0, clock: wallClock };
    await expect(supervise(options)).rejects.toMatchObject({ code: "INTERNAL", message: expect.stringContaining("none.mjs") });
  });

  test("the job's own error keeps its code and message; an unknown code becomes INTERNAL", async () => {
    const failing = (code: string): string =>
      `process.send({ type: "error", code: "${code}", message: "the file is cut short" }, () => process.exit(1));`;
    await expect(run(failing("INPUT_DAMAGED"))).rejects.toMatchObject({ code: "INPUT_DAMAGED", message: "the file is cut short" });
    await expect(run(failing("toString"))).rejects.toMatchObject({ code: "INTERNAL", message: "the file is cut short" });
  });

  test("silence is an error, not a hang", async () => {
    const program = "console.log('thinking'); setInterval(() => {}, 1000);";
    await expect(run(program, { kills: 0, stallMs: 700 })).rejects.toMatchObject({
      code: "INTERNAL",
      message: expect.stringMatching(/said nothing for 1 s[^]*thinking/u),
    });
  });

  test("a stop reaches the job, which ends in its own time", async () => {
    const stop = new AbortController();
    const program = `const last = { type: "checkpoint", id: 9, newBytes: 1, totalBytes: 1, durationMs: 1 };
      process.on("SIGTERM", () => { process.send(last, () => process.exit(0)); });
      process.send({ type: "progress", records: 1, total: 100, stateBytes: 0 }); setInterval(() => {}, 1000);`;
    const running = run(program, {
      kills: 0,
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === "progress") stop.abort();
      },
    });
    const { result } = await running;
    expect(result.done).toBeUndefined();
    expect(result.checkpoints.map(({ id }) => id)).toEqual([9]);
  });
});

describe("killShares", () => {
  test("depend on the seed alone, one in each part, between 10 % and 80 %", () => {
    const different = new Set<number>();
    for (let seed = 0; seed < 500; seed++) {
      const [first = 0, second = 0] = killShares(seed, 2);
      expect(killShares(seed, 2)).toEqual([first, second]);
      expect(first).toBeGreaterThanOrEqual(0.1);
      expect(first).toBeLessThan(0.45);
      expect(second).toBeGreaterThanOrEqual(0.45);
      expect(second).toBeLessThan(0.8);
      different.add(first);
    }
    expect(different.size).toBe(500);
  });
});
