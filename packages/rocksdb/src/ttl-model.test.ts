import assert from "node:assert/strict";

import { describe, test } from "vitest";

import type { Database } from "./database.js";
import { open, randomNumbers, temporaryDirectory, testSeed } from "./fixtures.test.support.js";
import type { Snapshot } from "./snapshot.js";
import { concatenate, element, elementsOf, keyOf, LIST, stamped, TTL_MS, VALUE } from "./ttl.test.support.js";
import { WriteBatch } from "./write-batch.js";

/** Everything that was written, expired or not. */
type Model = Map<string, Uint8Array>;

const KEYS = 25;
const hex = (value: Uint8Array | undefined): string | undefined => (value === undefined ? undefined : Buffer.from(value).toString("hex"));

/**
 * Random writes with random times, so that older versions often live longer than newer ones: a removal that uncovers what is
 * below shows as a value that the model does not have.
 */
class Run {
  readonly models = new Map<number, Model>([
    [VALUE, new Map()],
    [LIST, new Map()],
  ]);
  readonly held: { snapshot: Snapshot; stateId: number; model: Model }[] = [];
  readonly database: Database;
  readonly family: number;
  readonly random: (below: number) => number;
  nowMs = 1000;
  #payload = 0;

  constructor(database: Database, family: number, seed: number) {
    this.database = database;
    this.family = family;
    this.random = randomNumbers(seed);
  }

  pick(): [number, Model] {
    const entries = [...this.models];
    return entries[this.random(entries.length)] as [number, Model];
  }

  isExpired(atMs: bigint): boolean {
    return BigInt(this.nowMs) - atMs >= TTL_MS;
  }

  time(): number {
    return this.nowMs - TTL_MS - 20 + this.random(TTL_MS + 60);
  }

  payload(): string {
    return `${this.#payload++}${"p".repeat(this.random(200))}`;
  }

  elements(): Uint8Array {
    return concatenate(Array.from({ length: 1 + this.random(3) }, () => element(this.time(), this.payload())));
  }

  write(): void {
    const batch = new WriteBatch();
    for (let count = this.random(8); count >= 0; count--) {
      const [stateId, model] = this.pick();
      const name = String(10 + this.random(KEYS));
      const kind = this.random(20);
      const value = stateId === LIST ? this.elements() : stamped(this.time(), this.payload());
      if (kind < 4) {
        batch.delete(this.family, keyOf(stateId, name));
        model.delete(name);
      } else if (kind === 4) {
        const end = String(10 + this.random(KEYS));
        const [from, to] = name <= end ? [name, end] : [end, name];
        batch.deleteRange(this.family, keyOf(stateId, from), keyOf(stateId, to));
        for (const one of model.keys()) if (one >= from && one < to) model.delete(one);
      } else if (stateId === LIST && kind < 14) {
        batch.merge(this.family, keyOf(stateId, name), value);
        model.set(name, concatenate([model.get(name) ?? new Uint8Array(0), value]));
      } else {
        batch.put(this.family, keyOf(stateId, name), value);
        model.set(name, value);
      }
    }
    this.database.write(batch);
  }

  compareValue(found: Uint8Array | undefined, wanted: Uint8Array | undefined, context: string): void {
    const atMs = wanted === undefined ? 0n : new DataView(wanted.buffer, wanted.byteOffset).getBigInt64(1, true);
    if (found === undefined && this.isExpired(atMs)) return;
    assert.equal(hex(found), hex(wanted), context);
  }

  /** What is left of a list must be its living elements, and some of the others in between. */
  compareList(found: Uint8Array | undefined, wanted: Uint8Array | undefined, context: string): void {
    const left = (elementsOf(found ?? new Uint8Array(0)) ?? assert.fail(`${context}: not a list`)).map((one) => hex(one.bytes));
    for (const { atMs, bytes } of elementsOf(wanted ?? new Uint8Array(0)) ?? []) {
      if (left[0] === hex(bytes)) left.shift();
      else assert.ok(this.isExpired(atMs), `${context}: element of ${atMs} is missing at ${this.nowMs}`);
    }
    assert.deepEqual(left, [], `${context}: more than was written`);
  }

  compare(stateId: number, model: Model, snapshot?: Snapshot): void {
    const compareOne = stateId === LIST ? this.compareList.bind(this) : this.compareValue.bind(this);
    const scanned = new Map<string, Uint8Array>();
    const bounds = { lower: keyOf(stateId, ""), upper: keyOf(stateId + 1, "") };
    for (const { key, value } of this.database.iterator(this.family, snapshot === undefined ? bounds : { ...bounds, snapshot })) {
      scanned.set(Buffer.from(key.subarray(4)).toString(), value.slice());
    }
    for (let number = 10; number < 10 + KEYS; number++) {
      const name = String(number);
      const context = `state ${stateId} key ${name}${snapshot === undefined ? "" : " at a snapshot"}`;
      compareOne(this.database.getValue(this.family, keyOf(stateId, name), snapshot), model.get(name), context);
      compareOne(scanned.get(name), model.get(name), `${context}, scanned`);
    }
  }

  async step(): Promise<void> {
    const [stateId, model] = this.pick();
    const action = this.random(100);
    if (action < 55) this.write();
    else if (action < 70) this.compare(stateId, model);
    else if (action < 74) this.held.push({ snapshot: this.database.takeSnapshot(), stateId, model: new Map(model) });
    else if (action < 78) for (const held of this.held) this.compare(held.stateId, held.model, held.snapshot);
    else if (action < 82) this.held.splice(this.random(this.held.length), 1)[0]?.snapshot.release();
    else if (action < 88) this.database.setTtlClock((this.nowMs += this.random(40)));
    else if (action < 97) await this.database.flush([this.family]);
    else await this.database.compactRange(this.family);
  }
}

describe("random operations with expiring states", () => {
  test.each(["level", "universal"] as const)("rule 9: agree with a map in which nothing is ever removed (%s)", async (compactionStyle) => {
    const seed = testSeed();
    const database = await open(temporaryDirectory(), { compactionStyle, level0CompactionTrigger: 2, writeBufferSizeBytes: 65536 });
    const family = await database.createColumnFamily("state", "list-append");
    const states = [
      { stateId: VALUE, ttlMs: TTL_MS, kind: "value" },
      { stateId: LIST, ttlMs: TTL_MS, kind: "list" },
    ] as const;
    database.setTtl(family, states);
    database.setTtlClock(1000);
    const run = new Run(database, family, seed);
    for (let step = 0; step < 2000; step++) await run.step();
    for (const [stateId, model] of run.models) run.compare(stateId, model);
    for (const { snapshot } of run.held) snapshot.release();
    const { removed, malformed } = database.ttlStatistics();
    assert.ok(removed > 50, `only ${removed} removed`);
    assert.equal(malformed, 0);
    database.setTtlClock(run.nowMs + 1000);
    await database.flush([family]);
    await database.compactRange(family);
    assert.deepEqual([...database.iterator(family)], []);
  });
});
