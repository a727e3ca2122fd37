import assert from "node:assert/strict";

import { describe, expect, test } from "vitest";

import type { Database } from "./database.js";
import { bytes, open, randomNumbers, read, temporaryDirectory, testSeed, text } from "./fixtures.test.support.js";
import type { OpenOptions } from "./options.js";
import type { Snapshot } from "./snapshot.js";
import { WriteBatch } from "./write-batch.js";

const OPTIONS: OpenOptions = {
  writeBufferSizeBytes: 65536,
  columnFamilies: [{ name: "plain" }, { name: "list", mergeOperator: "list-append" }],
};

type Model = Map<string, string>;

const keyOf = (number: number): string => `key${String(number).padStart(3, "0")}`;

function sorted(model: Model, lower: string, upper: string, reverse: boolean): [string, string][] {
  const entries = [...model].filter(([key]) => key >= lower && key < upper).sort(([a], [b]) => (a < b ? -1 : 1));
  return reverse ? entries.reverse() : entries;
}

class Run {
  readonly models = new Map<number, Model>();
  readonly held: { snapshot: Snapshot; family: number; model: Model }[] = [];
  readonly random: (below: number) => number;
  readonly batch = new WriteBatch();
  database: Database;

  constructor(database: Database, seed: number) {
    this.database = database;
    this.random = randomNumbers(seed);
    for (const name of ["plain", "list"]) this.models.set(database.columnFamily(name).id, new Map());
  }

  pick(): [number, Model] {
    const entries = [...this.models];
    return entries[this.random(entries.length)] as [number, Model];
  }

  write(): void {
    this.batch.clear();
    for (let count = this.random(8); count >= 0; count--) {
      const [family, model] = this.pick();
      const key = keyOf(this.random(60));
      const value = "v".repeat(this.random(300)) + this.random(1000);
      const kind = this.random(10);
      if (kind < 4) {
        this.batch.put(family, bytes(key), bytes(value));
        model.set(key, value);
      } else if (kind < 6) {
        this.batch.delete(family, bytes(key));
        model.delete(key);
      } else if (kind < 9 && family === this.database.columnFamily("list").id) {
        this.batch.merge(family, bytes(key), bytes(value));
        model.set(key, (model.get(key) ?? "") + value);
      } else if (kind === 9) {
        const end = keyOf(this.random(60));
        const [from, to] = key <= end ? [key, end] : [end, key];
        this.batch.deleteRange(family, bytes(from), bytes(to));
        for (const one of model.keys()) if (one >= from && one < to) model.delete(one);
      }
    }
    this.database.write(this.batch);
  }

  compare(family: number, model: Model, snapshot?: Snapshot): void {
    const [lower, upper] = [keyOf(this.random(60)), keyOf(this.random(70))];
    const reverse = this.random(2) === 1;
    const view = snapshot === undefined ? {} : { snapshot };
    const iterator = this.database.iterator(family, { lower: bytes(lower), upper: bytes(upper), reverse, ...view });
    const entries = [...iterator].map(({ key, value }) => [text(key), text(value)]);
    assert.deepEqual(entries, sorted(model, lower, upper, reverse));
    const key = keyOf(this.random(60));
    assert.equal(text(this.database.getValue(family, bytes(key), snapshot)), model.get(key));
  }

  async reopen(path: string): Promise<void> {
    for (const { snapshot } of this.held.splice(0)) snapshot.release();
    await this.database.flush([...this.models.keys()]);
    await this.database.close();
    this.database = await open(path, OPTIONS);
  }

  async step(path: string): Promise<void> {
    const [family, model] = this.pick();
    const action = this.random(100);
    if (action < 60) this.write();
    else if (action < 80) this.compare(family, model);
    else if (action < 84) this.held.push({ snapshot: this.database.takeSnapshot(), family, model: new Map(model) });
    else if (action < 90) for (const held of this.held) this.compare(held.family, held.model, held.snapshot);
    else if (action < 92) this.held.pop()?.snapshot.release();
    else if (action < 97) await this.database.flush([family]);
    else if (action < 99) await this.database.compactRange(family);
    else await this.reopen(path);
  }
}

describe("random operations", () => {
  test("agree with a map", async () => {
    const seed = testSeed();
    const path = temporaryDirectory();
    const run = new Run(await open(path, OPTIONS), seed);
    for (let step = 0; step < 1500; step++) await run.step(path);
    await run.reopen(path);
    for (const [family, model] of run.models) {
      for (let number = 0; number < 60; number++) {
        expect(read(run.database, family, keyOf(number)), `seed ${seed}`).toBe(model.get(keyOf(number)));
      }
    }
  });
});
