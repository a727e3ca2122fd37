import { describe, expect, test } from "vitest";
import { clipped, printable, printableJson } from "./printable.js";

const hostile = "\u001b[31mred\u001b[0m\r\n\u0007\u009b2J\u202egnirts\u200b\u2028\u2029\ud800\ue000\u{e0041}\u007f";

describe("text for a terminal", () => {
  test("escapes whatever a terminal obeys, hides or reorders", () => {
    expect(printable(hostile)).toBe(
      "\\u{1b}[31mred\\u{1b}[0m\\u{d}\\u{a}\\u{7}\\u{9b}2J\\u{202e}gnirts\\u{200b}\\u{2028}\\u{2029}\\u{d800}\\u{e000}\\u{e0041}\\u{7f}",
    );
  });
  test("no code point of the dangerous kinds gets through", () => {
    for (let point = 0; point <= 0x10_ffff; point += 1) {
      const shown = printable(String.fromCodePoint(point));
      if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/u.test(shown)) throw new Error(`U+${point.toString(16)} is shown as it is`);
    }
  });
  test("leaves what people write", () => {
    for (const text of ["word-count", "Zähler", "状態", "a b", "\u{1f600}"]) expect(printable(text)).toBe(text);
  });
  test("is cut after it was escaped, by characters", () => {
    expect(clipped("abcdef", 6)).toBe("abcdef");
    expect(clipped("abcdefg", 6)).toBe("abc...");
    expect(clipped("\u{1f600}".repeat(9), 5)).toBe(`${"\u{1f600}".repeat(2)}...`);
    expect(printable(clipped(`abc${hostile}`, 5))).not.toContain("\u001b");
  });
});

describe("JSON", () => {
  test("keeps the value and holds no unsafe character but its own line ends", () => {
    const value = { [hostile]: [hostile, 1, null, { deep: hostile }] };
    const text = printableJson(value);
    expect(JSON.parse(text)).toEqual(value);
    expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/u);
  });
});
