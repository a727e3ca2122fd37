import { describe, expect, test } from "vitest";
import { codeOf } from "../../testing/error-code.js";
import { SeededRandom } from "../../testing/random.js";
import type { EntryVisitor, Freezable } from "../heap/heap-state.js";
import { hasKeyGroup, type KeyGroupRange } from "../key-groups.js";
import { ByteWriter } from "../serializers/index.js";
import { HeapExport } from "./heap-export.js";
import { SortedRuns } from "./sorted-runs.js";

interface Entry {
  readonly keyGroup: number;
  /** Behind key group and state id. */
  readonly key: string;
  readonly value: string;
}

/** Contents in no order, which count the passes over them. */
class Contents implements Freezable {
  readonly entries: readonly Entry[];
  readonly stateId: number;
  frozen = 0;
  passes = 0;

  constructor(stateId: number, entries: readonly Entry[]) {
    this.stateId = stateId;
    this.entries = entries;
  }

  get size(): number {
    return this.entries.length;
  }

  freeze(): void {
    this.frozen += 1;
  }

  release(): void {
    this.frozen -= 1;
  }

  *frozenEntries(visit: EntryVisitor, keyGroups?: KeyGroupRange): Iterable<void> {
    this.passes += 1;
    for (const entry of this.entries) {
      if (keyGroups === undefined || hasKeyGroup(keyGroups, entry.keyGroup)) {
        const key = new ByteWriter();
        key.u16be(entry.keyGroup);
        key.u16be(this.stateId);
        key.raw(Buffer.from(entry.key));
        const value = new ByteWriter();
        value.raw(Buffer.from(entry.value));
        visit(key, value);
      }
      yield;
    }
  }

  restoreEntry(): void {
    throw new Error("unused");
  }
}

function randomEntries(random: SeededRandom, count: number, keyGroups: number, valueMax: number): Entry[] {
  const entries = new Map<string, Entry>();
  for (let index = 0; index < count; index += 1) {
    const entry = { keyGroup: random.below(keyGroups), key: `k${random.below(1_000_000)}`, value: "v".repeat(random.below(valueMax)) };
    entries.set(`${entry.keyGroup} ${entry.key}`, entry);
  }
  return [...entries.values()];
}

function all(exported: HeapExport): string[] {
  const found: string[] = [];
  for (const _ of exported.entries((key, value) => found.push(`${key.copy(key.remaining).toString()}:${value.remaining}`))) continue;
  return found;
}

function expected(contents: readonly Contents[]): string[] {
  const stored = contents.flatMap(({ stateId, entries }) =>
    entries.map(({ keyGroup, key, value }) => {
      const prefix = Uint8Array.of(keyGroup >> 8, keyGroup, stateId >> 8, stateId);
      return { key: Buffer.concat([prefix, Buffer.from(key)]), value };
    }),
  );
  stored.sort((left, right) => Buffer.compare(left.key, right.key));
  return stored.map(({ key, value }) => `${Uint8Array.from(key).toString()}:${value.length}`);
}

describe("heap export", () => {
  test("entries of several states come in the order of stored keys, within any budget", () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = new SeededRandom(seed);
      const contents = [1, 300, 0xff01].map((id) => new Contents(id, randomEntries(random, 200, 300, 400)));
      const undeclared = new Contents(2, randomEntries(random, 100, 300, 50));
      const held = undeclared.entries.map(({ keyGroup, key, value }) => ({ keyGroup, key: Buffer.from(key), value: Buffer.from(value) }));
      for (const budgetBytes of [1, 5_000, 100_000, 100_000_000]) {
        const exported = new HeapExport({
          states: {},
          keyGroups: { first: 0, last: 299 },
          contents,
          undeclared: new Map([[2, held]]),
          budgetBytes,
        });
        expect(all(exported), `seed ${seed}, budget ${budgetBytes}`).toEqual(expected([...contents, undeclared]));
        exported.close();
      }
    }
  });

  test("memory stays within the budget, or within one key group", () => {
    const random = new SeededRandom(5);
    // All in two of many key groups, and much larger than is guessed at first.
    const entries = randomEntries(random, 500, 1_000, 3_000).map((entry) => ({ ...entry, keyGroup: entry.keyGroup % 2 === 0 ? 17 : 18 }));
    const contents = new Contents(1, entries);
    const exported = new HeapExport({
      states: {},
      keyGroups: { first: 0, last: 1_023 },
      contents: [contents],
      undeclared: new Map(),
      budgetBytes: 50_000,
    });
    expect(all(exported)).toEqual(expected([contents]));
    expect(contents.passes).toBeGreaterThan(2);
    expect(contents.passes).toBeLessThan(100);
  });

  test("contents are frozen at once, until it is closed; then a step throws", () => {
    const contents = new Contents(1, randomEntries(new SeededRandom(1), 50, 4, 10));
    let closed = 0;
    const exported = new HeapExport({
      states: {},
      keyGroups: { first: 0, last: 3 },
      contents: [contents],
      undeclared: new Map(),
      onClose: () => (closed += 1),
    });
    expect(contents.frozen).toBe(1);
    const steps = exported.entries(() => undefined);
    steps.next();
    exported.close();
    exported.close();
    expect([contents.frozen, closed]).toEqual([0, 1]);
    expect(codeOf(() => steps.next())).toBe("DISPOSED");
  });
});

describe("sorted runs", () => {
  test("a key comes before those it is the beginning of", () => {
    const runs = new SortedRuns();
    const value = new ByteWriter();
    for (const text of ["aa", "a", "aaa", "", "b"]) {
      const key = new ByteWriter();
      key.raw(Buffer.from(text));
      runs.add(key, value);
    }
    const found: string[] = [];
    for (const _ of runs.entries((entry) => found.push(Buffer.from(entry.copy(entry.remaining)).toString()))) continue;
    expect(found).toEqual(["", "a", "aa", "aaa", "b"]);
  });

  test("many runs merge into one order; what is not retained is gone", () => {
    const runs = new SortedRuns();
    const key = new ByteWriter();
    const value = new ByteWriter();
    const keys = new Set<string>();
    const random = new SeededRandom(9);
    for (let index = 0; index < 20_000; index += 1) {
      const text = String(random.below(1_000_000_000));
      if (keys.has(text)) continue;
      keys.add(text);
      key.reset();
      key.raw(Buffer.from(text));
      value.reset();
      value.raw(Buffer.from(text.repeat(7)));
      runs.add(key, value);
    }
    const wanted = [...keys].filter((text) => text < "5").sort();
    const before = runs.sizeBytes;
    for (const _ of runs.retain((entry) => entry.u8() < "5".charCodeAt(0))) continue;
    expect(runs.sizeBytes).toBeLessThan(before);
    const found: string[] = [];
    for (const _ of runs.entries((entry, stored) => {
      const text = Buffer.from(entry.copy(entry.remaining)).toString();
      expect(Buffer.from(stored.copy(stored.remaining)).toString()).toBe(text.repeat(7));
      found.push(text);
    }))
      continue;
    expect(found).toEqual(wanted);
  });
});
