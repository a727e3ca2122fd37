import { expect, test } from "vitest";
import { StateError } from "../../errors/index.js";
import { signedMurmur3 } from "../key-groups.js";
import { ByteWriter } from "../serializers/index.js";
import { StateTable } from "./state-table.js";

/** A table of numbers that is told no for memory of one size, the chunks of its slots. */
class LimitedTable {
  readonly asked: number[] = [];
  refusesSlots = false;
  readonly table = new StateTable({
    keyGroups: { first: 0, last: 0 },
    maxParallelism: 1,
    reserve: (extraBytes) => {
      this.asked.push(extraBytes);
      if (this.refusesSlots && extraBytes === slotChunkBytes) throw new StateError("NO_MEMORY", "refused");
    },
  });
  readonly #key = new ByteWriter();
  readonly #value = new ByteWriter();

  put(n: number): void {
    const key = this.#at(n);
    this.#value.reset();
    this.#value.i32(n);
    this.table.put(this.#positionOf(key), key, 0, key.length, this.#value, 0, this.#value.length);
  }

  has(n: number): boolean {
    const key = this.#at(n);
    return this.table.find(this.#positionOf(key), key, 0, key.length) && this.table.value.i32() === n;
  }

  #positionOf({ bytes, length }: ByteWriter): number {
    return this.table.positionOf(0, signedMurmur3(bytes, 0, length));
  }

  #at(n: number): ByteWriter {
    this.#key.reset();
    this.#key.i32(n);
    return this.#key;
  }
}

/** 8,192 groups of 24 bytes. */
const slotChunkBytes = 196_608;

test("where memory for slots is refused nothing has changed, and it goes on when there is some", () => {
  const limited = new LimitedTable();
  limited.refusesSlots = true;
  let count = 0;
  let sizeBytes = 0;
  expect(() => {
    for (; count < 200_000; count += 1) {
      sizeBytes = limited.table.sizeBytes;
      limited.put(count);
    }
  }).toThrow("refused");
  // One chunk has room for 65,536 slots.
  expect(count).toBeGreaterThan(15_000);
  expect(count).toBeLessThan(65_536);
  expect(limited.table.sizeBytes).toBe(sizeBytes);
  expect(limited.has(count)).toBe(false);
  for (let n = 0; n < count; n += 1) expect(limited.has(n)).toBe(true);
  limited.refusesSlots = false;
  limited.put(count);
  expect(limited.has(count)).toBe(true);
  expect(limited.table.size).toBe(count + 1);
});

test("slots of segments that are gone are used again", () => {
  const limited = new LimitedTable();
  for (let round = 0; round < 150; round += 1) {
    const frozen = limited.table.freeze();
    // Copies every segment, with its slots.
    for (let n = 0; n < 2_000; n += 1) limited.put(n);
    frozen.release();
  }
  expect(limited.asked.filter((bytes) => bytes === slotChunkBytes)).toEqual([]);
  for (let n = 0; n < 2_000; n += 1) expect(limited.has(n)).toBe(true);
});
