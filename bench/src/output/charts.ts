import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { formatValue } from "./format.js";

/** One mark of a chart. */
export interface ChartValue {
  /** The group it stands in, such as a case; on a chart of sizes a number of bytes. */
  readonly at: string | number;
  /** Which colour it has, such as a system. */
  readonly series: string;
  readonly value: number;
}

export interface ChartOptions {
  /** What the values are, below their axis. */
  readonly title: string;
  /** Logarithmic for values that differ by orders of magnitude. */
  readonly scale: "log" | "linear";
  /** A line at this value, such as 1 for "as good". */
  readonly rule?: number;
}

/** Series that keep their colour on every chart, in the order of colours. */
const knownSeries = [
  "memory", "fs", "rocksdb", "flink-hashmap", "flink-rocksdb", "flink-changelog", "cp",
  "npm:rocksdb", "npm:level-rocksdb", "npm:classic-level", "npm:lmdb", "npm:better-sqlite3",
];

/** Colours of the series: on a light page, on a dark one. */
const palette = [
  ["#1971c2", "#74c0fc"], ["#0b7285", "#3bc9db"], ["#2b8a3e", "#69db7c"], ["#e8590c", "#ffa94d"], ["#c92a2a", "#ff8787"],
  ["#a61e4d", "#f783ac"], ["#6c757d", "#adb5bd"], ["#5f3dc4", "#b197fc"], ["#9c36b5", "#e599f7"], ["#846358", "#d0a98f"],
  ["#5c940d", "#a9e34b"], ["#495057", "#ced4da"],
] as const;

/** Style rules with every colour that a chart names: pictures have none of their own, so that one fits light and dark. */
export function chartColors(scheme: "light" | "dark"): string {
  return palette.map((colors, index) => `--series-${index}: ${colors[scheme === "light" ? 0 : 1]};`).join(" ");
}

const text = "var(--text)";
const line = "var(--line)";
const config = {
  view: { stroke: null },
  font: "system-ui, sans-serif",
  axis: { labelColor: text, titleColor: text, gridColor: line, domainColor: line, tickColor: line, labelLimit: 260 },
  legend: { labelColor: text, titleColor: text },
} as const;

/**
 * A bar for each value, grouped by what it is at, as an SVG. With a rule the bars begin there, to its right or its left. Values that a
 * logarithmic axis cannot show are left out.
 */
export async function barChart(all: readonly ChartValue[], options: ChartOptions): Promise<string> {
  const values = all.filter(({ value }) => Number.isFinite(value) && (value > 0 || options.scale === "linear"));
  if (values.length === 0) return "";
  const { scale, start } = barScale(values.map(({ value }) => value), options);
  const y = { field: "at", type: "nominal", title: null, sort: null } as const;
  const yOffset = { field: "series", type: "nominal", sort: seriesOf(values) } as const;
  const x = { field: "value", type: "quantitative", title: options.title, scale, axis: { tickCount: 6 } } as const;
  const labels = (isLeft: boolean): object => ({
    transform: [{ filter: `${isLeft ? "" : "!"}(datum.value < ${start})` }],
    mark: { type: "text", align: isLeft ? "right" : "left", dx: isLeft ? -4 : 4, fontSize: 10, color: text },
    encoding: { y, yOffset, x, text: { field: "shown", type: "nominal" } },
  });
  const rule = { mark: { type: "rule", color: text, strokeDash: [4, 3] }, encoding: { x: { datum: options.rule, scale } } };
  return draw({
    width: 640,
    // A line of text fits into what one bar is high.
    height: { step: 16 },
    data: { values: values.map((entry) => ({ ...entry, shown: formatValue(entry.value) })) },
    layer: [
      { mark: { type: "bar" }, encoding: { y, yOffset, x, x2: { datum: start }, color: colorsOf(values) } },
      ...[true, false].map(labels),
      ...(options.rule === undefined ? [] : [rule]),
    ],
  });
}

/** The axis of bars, with room for the number at the end of each, and where bars begin. */
function barScale(values: readonly number[], { scale, rule }: ChartOptions): { scale: object; start: number } {
  if (scale === "linear") return { scale: { type: "linear", zero: true }, start: rule ?? 0 };
  const shown = rule === undefined ? values : [...values, rule];
  const [low, high] = [Math.min(...shown) / 2, Math.max(...shown) * 1.5];
  return { scale: { type: "log", domain: [low, high], nice: false }, start: rule ?? low };
}

/** A line for each series over sizes in bytes, as an SVG. */
export async function sizeChart(values: readonly ChartValue[], options: ChartOptions): Promise<string> {
  if (values.length === 0) return "";
  const gibibytes = values.map((entry) => ({ ...entry, at: Number(entry.at) / 2 ** 30 }));
  return draw({
    width: 480,
    height: 240,
    data: { values: gibibytes },
    mark: { type: "line", point: true },
    encoding: {
      x: {
        field: "at",
        type: "quantitative",
        title: "state, GiB",
        scale: { type: "log", base: 2 },
        axis: { values: [...new Set(gibibytes.map(({ at }) => at))], grid: false },
      },
      y: {
        field: "value",
        type: "quantitative",
        title: options.title,
        scale: options.scale === "log" ? { type: "log" } : { type: "linear", zero: true },
      },
      color: colorsOf(values),
    },
  });
}

function colorsOf(values: readonly ChartValue[]): object {
  const series = seriesOf(values);
  const range = series.map((name, index) => `var(--series-${colorIndex(name, index)})`);
  return { field: "series", type: "nominal", title: null, scale: { domain: series, range } };
}

/** The series of a chart: known ones in their order, then the others as they come. */
function seriesOf(values: readonly ChartValue[]): string[] {
  const names = [...new Set(values.map(({ series }) => series))];
  return [...knownSeries.filter((name) => names.includes(name)), ...names.filter((name) => !knownSeries.includes(name))];
}

/** Others take the colours from the end, which the fewest known ones have. */
function colorIndex(name: string, index: number): number {
  const known = knownSeries.indexOf(name);
  return known === -1 ? palette.length - 1 - (index % palette.length) : known;
}

async function draw(spec: object): Promise<string> {
  const complete = { $schema: "https://vega.github.io/schema/vega-lite/v6.json", background: "transparent", config, ...spec };
  const view = new View(parse(compile(complete as TopLevelSpec).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
