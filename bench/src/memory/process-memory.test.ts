import { expect, test } from "vitest";
import { fieldBytes, residentBytes } from "./process-memory.js";

test("a field in kilobytes", () => {
  const text = "Name:\tnode\nVmHWM:\t  200 kB\nVmRSS:\t  100 kB\n";
  expect(fieldBytes(text, "VmRSS")).toBe(100 * 1024);
  expect(() => fieldBytes(text, "Vm")).toThrow("there is no Vm");
});

test.runIf(process.platform === "linux")("memory that is touched counts", async () => {
  const before = await residentBytes();
  const touched = Buffer.alloc(64 * 2 ** 20, 1);
  expect((await residentBytes()) - before).toBeGreaterThan(48 * 2 ** 20);
  expect(touched.at(-1)).toBe(1);
});
