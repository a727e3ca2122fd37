import { describe, expect, test } from "vitest";
import { geometricMean, median, percentile } from "./statistics.js";

describe("statistics", () => {
  test("median of odd and even counts, in any order, without changing its argument", () => {
    const values = [9, 1, 5];
    expect(median(values)).toBe(5);
    expect(values).toEqual([9, 1, 5]);
    expect(median([4, 1, 3, 10])).toBe(3.5);
    expect(median([7])).toBe(7);
  });
  test("numbers are sorted as numbers", () => {
    expect(median([100, 20, 3])).toBe(20);
  });
  test("percentile is the smallest value that the fraction does not exceed", () => {
    const values = Array.from({ length: 1000 }, (_, index) => index + 1);
    expect(percentile(values, 0.5)).toBe(500);
    expect(percentile(values, 0.999)).toBe(999);
    expect(percentile(values, 1)).toBe(1000);
    expect(percentile([5], 0.001)).toBe(5);
  });
  test("geometric mean", () => {
    expect(geometricMean([1, 4])).toBeCloseTo(2);
    expect(geometricMean([0.5, 2])).toBeCloseTo(1);
  });
  test("refuses what has no answer", () => {
    expect(() => median([])).toThrow(RangeError);
    expect(() => median([1, Number.NaN, 2])).toThrow(RangeError);
    expect(() => percentile([], 0.5)).toThrow(RangeError);
    expect(() => percentile([1], 0)).toThrow("fraction");
    expect(() => percentile([1], 1.1)).toThrow("fraction");
    expect(() => geometricMean([])).toThrow("no values");
    expect(() => geometricMean([1, 0])).toThrow("above 0");
  });
});
