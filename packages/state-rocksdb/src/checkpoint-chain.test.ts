import { describe, expect, test } from "vitest";
import { type ChainTable, CheckpointChain } from "./checkpoint-chain.js";

function table(uniqueId: string, layer: number, sizeBytes: number): ChainTable {
  const keys = { smallestKey: "", largestKey: "", smallestInternalKey: "", largestInternalKey: "" };
  const described = { uniqueId, level: 0, epoch: 0, smallestSequence: layer, largestSequence: layer, ...keys };
  return { table: described, sizeBytes, layer, path: uniqueId, reference: undefined };
}

const policy = { deltaRatio: 1, deltasMax: 3 };
const idsOf = (tables: readonly ChainTable[]): string[] => tables.map((each) => each.table.uniqueId);

describe("checkpoint chain", () => {
  test("without a base one is needed", () => {
    expect(new CheckpointChain([], [], false).needsRebase(policy)).toBe(true);
    expect(new CheckpointChain([], [], true).needsRebase(policy)).toBe(false);
  });

  test("deltas of more bytes than the ratio allows, and not their number, call for a new base", () => {
    const chain = new CheckpointChain([table("base", 0, 100)], [], true);
    chain.add([table("a", 1, 60), table("b", 1, 40)]);
    expect(chain.needsRebase(policy)).toBe(false);
    chain.add([table("c", 2, 1)]);
    expect(chain.needsRebase(policy)).toBe(true);
    expect(chain.needsRebase({ ...policy, deltaRatio: 2 })).toBe(false);
    chain.add([table("d", 3, 1), table("e", 4, 1)]);
    expect(chain.needsRebase({ ...policy, deltaRatio: 2 })).toBe(false);
    expect(chain.runs().length).toBe(4);
  });

  test("rule 11: a checkpoint takes the deltas up to its layer, whichever checkpoint they were drained for", () => {
    const chain = new CheckpointChain([table("base", 0, 100)], [], true);
    for (const layer of [1, 2, 3]) chain.add([table(`d${layer}`, layer, 1)]);
    expect(idsOf(chain.tablesAt(2))).toEqual(["base", "d1", "d2"]);
    expect(chain.find("d3")?.layer).toBe(3);
    expect(chain.find("x")).toBeUndefined();
  });

  test("rule 12: a new base takes the place of the deltas that it holds, and of no others", () => {
    const chain = new CheckpointChain([table("base", 0, 100)], [], true);
    for (const layer of [1, 2, 3]) chain.add([table(`d${layer}`, layer, 1)]);
    expect(chain.canReplaceBase(2, 1)).toBe(false);
    expect(chain.canReplaceBase(2, 3)).toBe(true);
    expect(idsOf(chain.replaceBase([table("new", 0, 100)], 2))).toEqual(["base", "d1", "d2"]);
    expect(idsOf(chain.tablesAt(3))).toEqual(["new", "d3"]);
    expect(chain.canReplaceBase(1, 3)).toBe(false);
  });
});
