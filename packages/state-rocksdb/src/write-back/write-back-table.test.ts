import { SeededRandom } from "@tidemark/core/testing";
import { expect, test } from "vitest";
import { segmentBytes, valueKind } from "./entry-format.js";
import { PlainMemory } from "./memory-backing.test.support.js";
import { SegmentPool } from "./segment-pool.js";
import { full, WriteBackTable } from "./write-back-table.js";

const segments = 64;
const seed = Number(process.env["TIDEMARK_SEED"] ?? Date.now() % 1_000_000);

function keyOf(id: number): Buffer {
  const key = Buffer.alloc(12, 7);
  key.writeUInt32BE(id, 4);
  return key;
}

test(`after a burst that could not be evicted, evictions give back the room for copies (seed ${seed})`, () => {
  const random = new SeededRandom(seed);
  const pool = new SegmentPool(new PlainMemory(), segments);
  let drained = 0;
  const table = new WriteBackTable(pool, () => drained);
  const model = new Map<number, Buffer>();
  const put = (id: number): boolean => {
    const value = Buffer.alloc(1000, random.below(256));
    const key = keyOf(id);
    if (table.put(key, key.length, valueKind, table.layer, value, 0, value.length) === full) return false;
    model.set(id, value);
    return true;
  };
  const drain = (): void => {
    drained = table.freeze().layer;
    table.drained(drained);
  };
  // Nothing is in the database, so nothing can go, and segments are split until there are no more.
  let id = 0;
  while (put(id)) id += 1;
  expect(pool.usedSegments).toBeGreaterThan(0.9 * segments);
  drain();
  for (let round = 0; round < 60; round += 1) {
    for (let write = 0; write < 60; write += 1) expect(put(random.below(4 * id))).toBe(true);
    drain();
  }
  expect(pool.usedSegments).toBeLessThanOrEqual(0.8 * segments);
  // What is kept is right, and it is as much as fits: three quarters of the segments, half full at least.
  let kept = 0;
  for (const [known, value] of model) {
    const key = keyOf(known);
    if (table.find(key, key.length) === 0) continue;
    kept += 1;
    const { bytes, position, end } = table.value;
    expect(Buffer.compare(bytes.subarray(position, end), value)).toBe(0);
  }
  expect(kept).toBe(table.size);
  expect(kept * 1000).toBeGreaterThan(0.3 * segments * segmentBytes);
});

test("a full table keeps what is read again, not what is read once", () => {
  const table = new WriteBackTable(new SegmentPool(new PlainMemory(), segments), () => 0);
  const value = Buffer.alloc(1000, 5);
  const isKnown = (id: number): boolean => table.find(keyOf(id), 12) !== 0;
  const read = (id: number): void => {
    if (!isKnown(id)) table.keep(keyOf(id), 12, value, value.length);
  };
  const room = (segments * segmentBytes) / value.length;
  // There is room, so what is read is kept.
  for (let id = 0; id < room / 4; id += 1) read(id);
  for (let id = 0; id < room / 4; id += 1) expect(isKnown(id)).toBe(true);
  for (let id = 0; id < 4 * room; id += 1) read(id);
  const { evictions } = table;
  const kept = Array.from({ length: 4 * room }, (_, id) => id).filter(isKnown);
  for (let id = 0; id < room; id += 1) read(1_000_000 + id);
  expect(table.evictions - evictions).toBeLessThan(0.1 * room);
  expect(kept.filter(isKnown).length).toBeGreaterThan(0.9 * kept.length);
  for (let round = 0; round < 2; round += 1) for (let id = 0; id < 10; id += 1) read(2_000_000 + id);
  for (let id = 0; id < 10; id += 1) expect(isKnown(2_000_000 + id)).toBe(true);
});
