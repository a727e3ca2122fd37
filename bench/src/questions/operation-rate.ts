import { type Figure, numberIn, type ResultLine } from "../question.js";

/** All operations of the measured iterations over all of their time. */
export function operationRate(name: string, timeMsOf: (line: ResultLine) => number): Figure {
  return {
    name,
    unit: "ops/ms",
    valueOf(lines) {
      const iterations = lines.filter((line) => "operations" in line);
      if (iterations.length === 0) throw new Error(`${name}: no iteration was measured`);
      const sum = (of: (line: ResultLine) => number): number => iterations.reduce((total, line) => total + of(line), 0);
      return sum((line) => numberIn(line, "operations")) / sum(timeMsOf);
    },
  };
}
