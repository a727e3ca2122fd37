/** The middle value, or the mean of the middle two. Throws RangeError for none. */
export function median(values: readonly number[]): number {
  const sorted = sortedCopy(values);
  const upper = at(sorted, Math.floor(sorted.length / 2));
  return sorted.length % 2 === 1 ? upper : (at(sorted, sorted.length / 2 - 1) + upper) / 2;
}

/** The smallest value that at least `fraction` (above 0, up to 1) of all values do not exceed. Throws RangeError for none. */
export function percentile(values: readonly number[] | Float64Array, fraction: number): number {
  if (!(fraction > 0 && fraction <= 1)) throw new RangeError(`a percentile is a fraction above 0 and up to 1, not ${fraction}`);
  const sorted = sortedCopy(values);
  return at(sorted, Math.ceil(sorted.length * fraction) - 1);
}

/** The mean of ratios: what a set of speed-ups comes to. Throws RangeError for none, or for a value that is not above 0. */
export function geometricMean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("no values");
  if (!values.every((value) => value > 0)) throw new RangeError("a geometric mean takes values above 0");
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** NaN would sort behind all numbers and pass for the largest. */
function sortedCopy(values: readonly number[] | Float64Array): Float64Array {
  const sorted = Float64Array.from(values).sort();
  if (Number.isNaN(sorted.at(-1))) throw new RangeError("a value is not a number");
  return sorted;
}

function at(sorted: Float64Array, index: number): number {
  const value = sorted[index];
  if (value === undefined) throw new RangeError("no values");
  return value;
}
