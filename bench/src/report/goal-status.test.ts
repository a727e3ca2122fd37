import { describe, expect, test } from "vitest";
import { Figures } from "./figures.js";
import { askedFor, statusOf } from "./goal-status.js";
import type { Goal } from "./goals.js";
import { measuredOf, rowOfReport, smallQuestions } from "./report.test.support.js";

const goal: Goal = {
  text: "reads beside Flink", question: "speed", case: "read", system: "memory", size: "100 keys",
  against: { system: "flink-hashmap", by: "times better" }, comparison: "at least", value: 2,
};
const { against: _, ...withoutPeer } = goal;
const alone: Goal = { ...withoutPeer, comparison: "at most", value: 100 };

function status(asked: Goal, ...files: Parameters<typeof rowOfReport>[0][][]): ReturnType<typeof statusOf> {
  const results = files.map((rows, index) => measuredOf(`part ${index}`, rows.map(rowOfReport), `2026-01-0${index + 1}T00:00:00.000Z`));
  return statusOf(asked, new Figures(results), smallQuestions);
}

describe("goals", () => {
  test("met, not met, and exactly met, beside another system", () => {
    const beside = (value: number) => status(goal, [{ value }, { value: 100, system: "flink-hashmap" }]);
    expect(beside(300)).toMatchObject({ status: "met", figure: 3, shown: "3x" });
    expect(beside(199)).toMatchObject({ status: "not met", shown: "1.99x" });
    expect(beside(200).status).toBe("met");
    expect(status({ ...alone, comparison: "below" }, [{ value: 100 }]).status).toBe("not met");
    expect(status(alone, [{ value: 100 }])).toMatchObject({ status: "met", shown: "100 ops/ms" });
  });
  test("of times the smaller is better", () => {
    const times = (own: number) => status(goal, [{ value: own, unit: "ms" }, { value: 100, unit: "ms", system: "flink-hashmap" }]);
    expect(times(50).status).toBe("met");
    expect(times(51).status).toBe("not met");
  });
  test("not measured: nothing there, another size, only one of two, or the two of different goes", () => {
    expect(status(goal)).toMatchObject({ status: "not measured", shown: "", rows: [] });
    expect(status(alone, [{ size: "200 keys" }]).status).toBe("not measured");
    expect(status(goal, [{ value: 300 }])).toMatchObject({ status: "not measured", shown: "what it is compared with is missing" });
    expect(status(goal, [{ value: 300 }], [{ value: 100, system: "flink-hashmap" }]).status).toBe("not measured");
    expect(status(goal, [{ value: 300 }, { value: 0, system: "flink-hashmap" }]).status).toBe("not measured");
  });
  test("the latest counts, as a pair too", () => {
    const older = [{ value: 900 }, { value: 100, system: "flink-hashmap" }];
    const newer = [{ value: 150 }, { value: 100, system: "flink-hashmap" }];
    expect(status(goal, older, newer)).toMatchObject({ status: "not met", shown: "1.5x" });
    expect(status(goal, older, [{ value: 150 }])).toMatchObject({ status: "met", shown: "9x" });
    expect(status(alone, [{ value: 900 }], [{ value: 90 }]).status).toBe("met");
  });
  test("not yet, unknown questions, unknown cases and reported figures are told apart", () => {
    expect(status({ ...goal, case: "fly" })).toMatchObject({ status: "not yet", shown: "nothing has wings yet" });
    expect(status({ ...goal, question: "taste" })).toMatchObject({ status: "not measured", shown: "no question prints it yet" });
    expect(status({ ...goal, case: "swim" })).toMatchObject({ status: "not measured", shown: "no case prints it yet" });
    const { value: _, ...reported } = alone;
    expect(status({ ...reported, comparison: "reported" }, [{ value: 5 }])).toMatchObject({ status: "reported", shown: "5 ops/ms" });
  });
  test("differences, quotients, and what is met as well by the figure itself", () => {
    const twice = { case: "read-twice", value: 10, unit: "ms" };
    const more: Goal = { ...alone, against: { case: "read-twice", by: "more" }, value: 1 };
    expect(status(more, [{ value: 11, unit: "ms" }, twice])).toMatchObject({ status: "met", shown: "1 ms more" });
    expect(status(more, [{ value: 11.5, unit: "ms" }, twice]).status).toBe("not met");
    const much: Goal = { ...alone, against: { case: "read-twice", by: "times as much" }, value: 2, orAtMost: 25 };
    expect(status(much, [{ value: 20, unit: "ms" }, twice])).toMatchObject({ status: "met", shown: "2x" });
    expect(status(much, [{ value: 25, unit: "ms" }, twice]).status).toBe("met");
    expect(status(much, [{ value: 26, unit: "ms" }, twice]).status).toBe("not met");
    expect(askedFor(much)).toBe("at most 2x, or 25 by itself");
    expect(askedFor(more)).toBe("at most 1");
  });
  test("beside the best of several the hardest counts", () => {
    const best: Goal = { ...goal, against: { bestOf: ["flink-hashmap", "rocksdb", "gone"], by: "times better" } };
    const found = status(best, [{ value: 300 }, { value: 100, system: "flink-hashmap" }, { value: 200, system: "rocksdb" }]);
    expect(found).toMatchObject({ status: "not met", shown: "1.5x" });
    expect(found.rows.map(({ system }) => system)).toEqual(["memory", "rocksdb"]);
  });
  test("sizes and questions may come from different goes, but only of one commit on one machine", () => {
    const flat: Goal = { ...alone, size: "1600 keys", against: { size: "100 keys", by: "times as much" }, value: 1.3 };
    expect(status(flat, [{ value: 10 }], [{ value: 13, size: "1600 keys" }]).status).toBe("met");
    expect(status(flat, [{ value: 10, commit: "older" }], [{ value: 13, size: "1600 keys" }]).status).toBe("not measured");
    expect(status(flat, [{ value: 10, machine: "other" }], [{ value: 13, size: "1600 keys" }]).status).toBe("not measured");
  });
});

describe("goals over all cases", () => {
  const mean: Goal = { ...goal, case: "", over: "geometric mean" };
  const pair = (name: string, own: number, rest = {}) => [
    { case: name, value: own, ...rest },
    { case: name, value: 100, system: "flink-hashmap", ...rest },
  ];
  test("the mean and the worst of all standard cases, whatever go each came from", () => {
    const files = [pair("read", 400), [...pair("write", 100), ...pair("write-twice", 1)]];
    expect(status(mean, ...files)).toMatchObject({ status: "met", shown: "2x" });
    expect(status({ ...mean, over: "worst" }, ...files)).toMatchObject({ status: "not met", shown: "1x (write)" });
    expect(status({ ...mean, case: "-twice" }, [...pair("read-twice", 400), ...pair("write-twice", 400)]).shown).toBe("4x");
  });
  test("a mean over some of them is another figure", () => {
    expect(status(mean, pair("read", 400))).toMatchObject({ status: "not measured", shown: "only 1 of 2 operations were measured" });
    expect(status(mean, pair("read", 400), pair("write", 400, { commit: "newer" })).status).toBe("not measured");
    expect(status({ ...mean, case: "-20x" })).toMatchObject({ status: "not measured", shown: "no case prints it yet" });
  });
  test("an older complete set counts while the newer one is not complete", () => {
    const old = [...pair("read", 400, { commit: "older" }), ...pair("write", 400, { commit: "older" })];
    const found = status(mean, old, pair("read", 100));
    expect(found).toMatchObject({ status: "met", shown: "4x" });
    expect(new Set(found.rows.map(({ commit }) => commit))).toEqual(new Set(["older"]));
  });
});
