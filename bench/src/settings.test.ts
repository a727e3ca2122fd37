import { expect, test } from "vitest";
import { settingArguments, Settings } from "./settings.js";

test("settings arrive as they were sent", () => {
  const settings = Settings.parse(settingArguments({ keys: 10, text: "a=b", flag: true }));
  expect(settings.number("keys")).toBe(10);
  expect(settings.text("text")).toBe("a=b");
  expect(settings.text("flag")).toBe("true");
});

test("what is missing or wrong is named", () => {
  expect(() => Settings.parse(["keys"])).toThrow("not name=value: keys");
  expect(() => Settings.parse(["=1"])).toThrow("not name=value");
  const settings = Settings.of({ keys: "ten", half: 0.5 });
  expect(() => settings.text("seed")).toThrow("missing argument: seed");
  expect(() => settings.number("keys")).toThrow("keys is not a whole number: ten");
  expect(() => settings.number("half")).toThrow("half is not a whole number");
});
