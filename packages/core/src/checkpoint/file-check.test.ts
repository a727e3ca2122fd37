import { describe, expect, test } from "vitest";
import { StateError } from "../errors/index.js";
import type { FileReference } from "../storage/index.js";
import { ManualClock } from "../testing/manual-clock.js";
import { FileCheck } from "./file-check.js";

function file(name: string, sizeBytes: number): FileReference {
  return { name, sizeBytes, sha256: "" };
}

class Stage {
  readonly clock = new ManualClock(0);
  readonly read: string[] = [];
  atOnce = 0;
  most = 0;
  verify: (file: FileReference) => Promise<void> = () => Promise.resolve();
  readonly check: FileCheck;

  constructor(bytesPerSecond = Infinity) {
    const verifyFile = async (each: FileReference, level: string): Promise<void> => {
      expect(level).toBe("checksums");
      this.atOnce += 1;
      this.most = Math.max(this.most, this.atOnce);
      this.read.push(each.name);
      await new Promise((resolve) => setImmediate(resolve));
      this.atOnce -= 1;
      await this.verify(each);
    };
    this.check = new FileCheck({ lease: { verifyFile }, clock: this.clock, bytesPerSecond });
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 40; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("reading back", () => {
  test("reads one file at a time, in the order asked for", async () => {
    const stage = new Stage();
    await Promise.all([stage.check.check([file("a", 1), file("b", 1)]), stage.check.check([file("c", 1)])]);
    expect(stage.read).toEqual(["a", "b", "c"]);
    expect(stage.most).toBe(1);
  });

  test("keeps to the rate", async () => {
    const stage = new Stage(1_000);
    const done = stage.check.check([file("a", 500), file("b", 2_000), file("c", 1)]);
    await stage.settle();
    expect(stage.read).toEqual(["a"]);
    stage.clock.advance(499);
    await stage.settle();
    expect(stage.read).toEqual(["a"]);
    stage.clock.advance(1);
    await stage.settle();
    expect(stage.read).toEqual(["a", "b"]);
    stage.clock.advance(2_000);
    await stage.settle();
    stage.clock.advance(1);
    await done;
    expect(stage.read).toEqual(["a", "b", "c"]);
  });

  test("a clock that is set back while a file is read makes nothing wait longer", async () => {
    const stage = new Stage(1_000);
    stage.verify = () => Promise.resolve(stage.clock.set(stage.clock.nowMs() - 3_600_000));
    const done = stage.check.check([file("a", 500), file("b", 1)]);
    await stage.settle();
    stage.clock.advance(500);
    await stage.settle();
    expect(stage.read).toEqual(["a", "b"]);
    stage.clock.advance(1);
    await done;
  });

  test("damage is a verdict at once and does not stop later requests; a passing error is tried again", async () => {
    const stage = new Stage();
    const damage = new StateError("CHECKPOINT_FILE_DAMAGED", "bad", { details: { name: "a" } });
    stage.verify = (each) => (each.name === "a" ? Promise.reject(damage) : Promise.resolve());
    await expect(stage.check.check([file("a", 1), file("b", 1)])).rejects.toBe(damage);
    await stage.check.check([file("c", 1)]);
    expect(stage.read).toEqual(["a", "c"]);
    let failures = 3;
    stage.verify = () => (failures-- > 0 ? Promise.reject(new StateError("IO", "busy")) : Promise.resolve());
    const passing = stage.check.check([file("d", 1)]);
    for (const delayMs of [200, 400, 800]) {
      await stage.settle();
      stage.clock.advance(delayMs);
    }
    await passing;
    failures = 5;
    const lasting = stage.check.check([file("e", 1)]).catch((error: unknown) => error);
    for (const delayMs of [200, 400, 800, 1_600]) {
      await stage.settle();
      stage.clock.advance(delayMs);
    }
    expect(await lasting).toMatchObject({ code: "IO" });
  });

  test("close() ends what waits, whatever it waits for", async () => {
    const stage = new Stage(1);
    const waiting = [stage.check.check([file("a", 1_000), file("b", 1)]), stage.check.check([file("c", 1)])];
    const outcomes = waiting.map((each) => each.catch((error: unknown) => error));
    await stage.settle();
    stage.check.close();
    for (const outcome of outcomes) expect(await outcome).toMatchObject({ code: "DISPOSED" });
    expect(stage.read).toEqual(["a"]);
    await expect(stage.check.check([file("d", 1)])).rejects.toMatchObject({ code: "DISPOSED" });
  });
});
