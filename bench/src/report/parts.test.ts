import { describe, expect, test } from "vitest";
import { questions } from "../questions/index.js";
import { formatSize } from "../size.js";
import { statusOf } from "./goal-status.js";
import { Figures } from "./figures.js";
import { type Goal, goals } from "./goals.js";
import { fullParts, readyPart, standardParts } from "./parts.js";
import { smallQuestions } from "./report.test.support.js";
import { expectedDurationMs } from "./report-progress.js";

describe("the parts of a report", () => {
  test("name what there is, each once", () => {
    const all = [...standardParts, ...fullParts];
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const part of all) expect(readyPart(part, questions, false).cases.length, part.name).toBeGreaterThan(0);
    for (const { name } of all) expect(name).toMatch(/^[\w.-]+$/u);
  });
  test("the standard set is expected to take at most 40 minutes", () => {
    const parts = standardParts.map((part) => readyPart(part, questions, false));
    const planned = parts.map((part) => ({ part, systems: part.systems, isQuick: false }));
    expect(expectedDurationMs(planned)).toBeLessThanOrEqual(40 * 60_000);
  });
  test.each([
    [{ question: "taste" }, 'no question "taste"'],
    [{ systems: ["redis"] }, 'does not know a system "redis"'],
    [{ measurements: ["fly"] }, 'measures nothing named "fly"'],
    [{ measurements: ["reads*"] }, 'measures nothing named "reads*"'],
    [{ size: "1GiB" }, "not a count of keys"],
  ])("%j is refused", (change, message) => {
    expect(() => readyPart({ name: "part", question: "speed", runs: 1, ...change }, smallQuestions, false)).toThrow(message);
  });
  test("a star stands for all measurements that begin so", () => {
    const part = { name: "part", question: "speed", runs: 1 };
    const cases = (measurements: string[]) => readyPart({ ...part, measurements }, smallQuestions, false).cases;
    expect(cases(["re*"])).toEqual(["read", "read-twice"]);
    expect(cases(["write"])).toEqual(["write", "write-twice"]);
  });
});

describe("the goals", () => {
  const figuresOfFull = new Set(
    fullParts.map((part) => readyPart(part, questions, false)).flatMap(({ question, cases, systems, size }) =>
      cases.flatMap((name) => systems.map((system) => [question.name, name, system, formatSize(size, question.size.kind)].join(" "))),
    ),
  );
  const namesOf = ({ question, case: name, system, size, against = { by: "more" } }: Goal): string[] => [
    [question, name, system, size].join(" "),
    ...(against.bestOf ?? [against.system ?? system]).map((other) =>
      [against.question ?? question, against.case ?? name, other, against.size ?? size].join(" "),
    ),
  ];

  test("each is of a case that a question prints or names as not yet, and the full set measures it", () => {
    const nothing = new Figures([]);
    for (const goal of goals) {
      const { status, shown } = statusOf(goal, nothing, questions);
      if (status === "not yet") continue;
      expect(shown, goal.text).toBe("");
      if (goal.over === undefined) for (const name of namesOf(goal)) expect(figuresOfFull, goal.text).toContain(name);
    }
  });
  test("each has a value, unless its figure is only reported, and none is there twice", () => {
    for (const goal of goals) expect(goal.value === undefined, goal.text).toBe(goal.comparison === "reported");
    const keys = goals.map((goal) => JSON.stringify({ ...goal, text: "" }));
    expect(new Set(keys).size).toBe(keys.length);
  });
});
