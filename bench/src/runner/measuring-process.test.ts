import { describe, expect, test } from "vitest";
import { WrongResultError } from "../question.js";
import { runMeasuringProcess } from "./measuring-process.js";

const never = new AbortController().signal;

function script(text: string, signal = never): ReturnType<typeof runMeasuringProcess> {
  return runMeasuringProcess({ program: process.execPath, args: ["-e", text] }, "read on ours", signal);
}

describe("a measuring process", () => {
  test("its lines of JSON are the result, whatever else it prints", async () => {
    const lines = await script(`console.log("hello"); console.log('{"a":1}'); console.error("careful"); console.log('{"checked":2}')`);
    expect(lines).toEqual([{ a: 1 }, { checked: 2 }]);
  });
  test("exit code 3 is a wrong result", async () => {
    await expect(script(`console.error("key 5 is gone"); process.exit(3)`)).rejects.toThrow(WrongResultError);
    await expect(script(`console.error("key 5 is gone"); process.exit(3)`)).rejects.toThrow("read on ours: key 5 is gone");
  });
  test("any other failure says what and where", async () => {
    const failing = script(`console.log('{"a":1}'); console.error("no memory"); process.exit(9)`);
    await expect(failing).rejects.toThrow("read on ours ended with exit code 9\nno memory");
    await expect(script(`process.kill(process.pid, "SIGKILL")`)).rejects.toThrow("ended with SIGKILL");
    await expect(script(`console.log('{"a":')`)).rejects.toThrow("no JSON");
    await expect(runMeasuringProcess({ program: "no-such-program", args: [] }, "x", never)).rejects.toThrow("ENOENT");
  });
  test("a stop ends it with the reason", async () => {
    const stop = new AbortController();
    const running = script("setInterval(() => {}, 1000)", stop.signal);
    stop.abort(new Error("stopped by SIGINT"));
    await expect(running).rejects.toThrow("stopped by SIGINT");
  });
});
