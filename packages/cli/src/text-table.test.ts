import { describe, expect, test } from "vitest";
import { left, right, textTable } from "./text-table.js";
import { counted, formatBytes, formatCount, formatTime, isoTime } from "./units.js";

describe("tables", () => {
  test("align, and no cell can break its line", () => {
    expect(textTable([right("ID"), left("NAME"), right("SIZE")], [["1", "a", "5 B"], ["100", "b\nb", "1.0 KiB"]])).toEqual([
      "   ID  NAME        SIZE",
      "    1  a            5 B",
      "  100  b\\u{a}b  1.0 KiB",
    ]);
  });
  test("without rows there is the heading", () => {
    expect(textTable([left("A"), left("B")], [])).toEqual(["  A  B"]);
  });
});

describe("units", () => {
  test.each([
    [0, "0 B"], [1, "1 B"], [1023, "1023 B"], [1024, "1.0 KiB"], [1_258_291, "1.2 MiB"], [150 * 1024, "150 KiB"], [2 ** 30, "1.0 GiB"],
    [2 ** 40, "1.0 TiB"], [Number.MAX_SAFE_INTEGER, "8.0 PiB"],
  ])("%d bytes are %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
  test("counts and times", () => {
    expect([0, 999, 1000, 1_234_567].map(formatCount)).toEqual(["0", "999", "1,000", "1,234,567"]);
    expect([counted(1, "file"), counted(2000, "file")]).toEqual(["1 file", "2,000 files"]);
    expect(formatTime(1_700_000_000_123)).toBe("2023-11-14 22:13:20Z");
    expect(isoTime(0)).toBe("1970-01-01T00:00:00.000Z");
    // A manifest may hold any whole number.
    expect([undefined, Number.NaN, Number.MAX_SAFE_INTEGER].map(formatTime)).toEqual(["-", "-", "-"]);
  });
});
