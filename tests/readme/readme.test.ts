import { execFile } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));

test("the example in README.md compiles, runs, and counts right", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const code = /^```ts\n(.*?)^```$/msu.exec(readme)?.[1];
  expect(code).toBeDefined();
  // Below this package, so that its imports are found as a user's are.
  const directory = join(root, "tests", ".readme-example");
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory);
  onTestFinished(async () => await rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, "example.ts"), code ?? "");
  await writeFile(join(directory, "package.json"), '{"type":"module"}');
  const options = { outDir: ".", composite: false, declaration: false, declarationMap: false, sourceMap: false, incremental: false };
  await writeFile(
    join(directory, "tsconfig.json"),
    JSON.stringify({ extends: "../../tsconfig.base.json", compilerOptions: options, files: ["example.ts"] }),
  );
  await run(process.execPath, [
    join(dirname(fileURLToPath(import.meta.resolve("typescript/package.json"))), "bin", "tsc"),
    "-p",
    directory,
  ]);
  await writeFile(join(directory, "input.txt"), "the cat and the dog\nThe End\n");
  await run(process.execPath, ["example.js"], { cwd: directory });
  const last = new Map(
    (await readFile(join(directory, "counts.txt"), "utf8"))
      .trim()
      .split("\n")
      .map((line) => line.split(" ") as [string, string]),
  );
  expect(Object.fromEntries(last)).toEqual({ the: "3", cat: "1", and: "1", dog: "1", end: "1" });
});
