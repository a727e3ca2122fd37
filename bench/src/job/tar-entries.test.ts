import { expect, test } from "vitest";
import { tarEntries } from "./tar-entries.js";

function file(name: string, content: string, kind = "0", prefix = ""): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
  header.write(kind, 156);
  header.write(prefix, 345);
  const blocks = Buffer.alloc(Math.ceil(content.length / 512) * 512);
  blocks.write(content);
  return Buffer.concat([header, blocks]);
}

const end = Buffer.alloc(1_024);

test("files come in their order with their whole content; what is no file is left out", () => {
  const long = "x".repeat(1_025);
  const archive = Buffer.concat([file("a", "one"), file("folder", "", "5"), file("b", "", "0", "long/path"), file("c", long), end]);
  const found = [...tarEntries(archive)].map(({ name, content }) => [name, Buffer.from(content).toString()]);
  expect(found).toEqual([["a", "one"], ["long/path/b", ""], ["c", long]]);
});

test("an archive that is cut off is refused", () => {
  const archive = file("a", "x".repeat(600));
  expect(() => [...tarEntries(archive.subarray(0, 1_000))]).toThrow("ends inside of the file at byte 0");
  expect(() => [...tarEntries(Buffer.concat([Buffer.alloc(512, "y"), end]))]).toThrow("ends inside of the file at byte 0");
});
