import { describe, expect, test } from "vitest";
import { type GarbageFacts, GarbagePlanner, generationOf } from "./garbage-plan.js";

const facts: GarbageFacts = {
  generation: 3, firstSlot: 4, oldestCheckpoint: 5, announced: new Set([6, 9]), pinned: new Set([2]), recorded: new Set([6, 9]),
  highestBeforeFence: 6, isNothingGivenUpSinceFence: true, attempt: undefined, pinnedFiles: new Set(["1-pinned"]),
};

function planner(changes: Partial<GarbageFacts> = {}): GarbagePlanner {
  return new GarbagePlanner({ ...facts, ...changes });
}

describe("rule 17: shared files", () => {
  test.each([
    ["2-a", [], "orphan"], ["2-a", [6], "named"], ["3-a", [], "newest-generation"], ["4-a", [], "newest-generation"],
    ["1-pinned", [], "pinned"], ["a", [], "not-ours"], ["02-a", [], "not-ours"], ["2", [], "not-ours"], ["../2-a", [], "not-ours"],
    ["2-a/b", [], "not-ours"], [".tmp-2-n-a", [], "temporary"], [".tmp-3-n-a", [], "newest-generation"], [".tmp-x", [], "not-ours"],
    [`9${"9".repeat(20)}-a`, [], "not-ours"],
  ] as const)("%s named by %j: %s", (name, namedBy, reason) => {
    const verdict = planner().sharedFile(name, namedBy);
    expect(verdict.reason).toBe(reason);
    expect(verdict.mayGo).toBe(["orphan", "temporary"].includes(reason));
  });
  test("an attempt that may be under way protects unnamed files, unless nothing was given up since the fence", () => {
    expect(planner({ attempt: 10 }).sharedFile("2-a", []).mayGo).toBe(true);
    expect(planner({ isNothingGivenUpSinceFence: false }).sharedFile("2-a", []).mayGo).toBe(true);
    const verdict = planner({ attempt: 10, isNothingGivenUpSinceFence: false }).sharedFile("2-a", []);
    expect(verdict).toMatchObject({ mayGo: false, reason: "attempt-under-way" });
    expect(verdict.because).toContain("checkpoint 10");
  });
  test("where no coordinator ever ran, nothing goes", () => {
    const fresh = planner({ generation: 0, firstSlot: 1, announced: new Set(), oldestCheckpoint: 1, highestBeforeFence: undefined });
    for (const name of ["1-a", ".tmp-0-n-a", "x"]) expect(fresh.sharedFile(name, []).mayGo).toBe(false);
    expect(fresh.checkpoint(1, undefined).mayGo).toBe(false);
  });
});

describe("rules 14, 17: checkpoints", () => {
  test.each([
    [6, 1, "announced"], [9, 3, "announced"], [2, 1, "pinned"], [1, 1, "given-up"], [4, undefined, "given-up"],
    // Below what was announced before the fence: of an older coordinator.
    [5, undefined, "never-announced"],
    // Between the fence and the newest: only its manifest can say who wrote it.
    [7, undefined, "newest-generation"], [7, 3, "newest-generation"], [7, 2, "never-announced"],
    // The highest id is known by its directory alone.
    [10, undefined, "newest-generation"], [10, 2, "keeps-id"],
  ] as const)("%d with a manifest of generation %j: %s", (id, generation, reason) => {
    const verdict = planner().checkpoint(id, generation);
    expect(verdict.reason).toBe(reason);
    expect(verdict.mayGo).toBe(["given-up", "never-announced"].includes(reason));
  });
  test("one that its job went back behind keeps its directory", () => {
    expect(planner({ announced: new Set([6]) }).checkpoint(9, 2)).toMatchObject({ mayGo: false, reason: "keeps-id" });
  });
  test("without a fence in the log nothing is known to be older", () => {
    expect(planner({ highestBeforeFence: undefined }).checkpoint(5, undefined)).toMatchObject({ mayGo: false });
  });
});

test("rule 19: only slots below the log go", () => {
  expect([3, 4, 5].map((slot) => planner().commitRecord(slot).mayGo)).toEqual([true, false, false]);
});

test("rule 13: the generation in a name", () => {
  expect(["1-0-a", "17-b", "0-a", "-1-a", "a-1", "1.5-a", "1_a"].map(generationOf)).toEqual([
    1, 17, undefined, undefined, undefined, undefined, undefined,
  ]);
});
