import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { firstErrors, lacksOnlyOptional, markInstalled, reasonToInstall } from "./npm-dependencies.mjs";

const lock = {
  packages: {
    "": {},
    "packages/core": { version: "0.1.0" },
    "node_modules/a": { version: "1.0.0" },
    "node_modules/for-other-platforms": { version: "1.0.0", optional: true },
  },
};
let root: string;

function write(path: string, value: unknown): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), JSON.stringify(value));
}

function install(version = "1.0.0"): void {
  write("node_modules/a/package.json", { version });
  write("node_modules/.package-lock.json", { packages: { "node_modules/a": { version } } });
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tidemark-npm-"));
  write("package-lock.json", lock);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("whether npm ci is needed", () => {
  test("without node_modules", () => {
    expect(reasonToInstall(root, "20.19.0")).toContain("no node_modules");
  });
  test("not after an npm install that agrees with the lock file", () => {
    install();
    expect(reasonToInstall(root, "20.19.0")).toBeUndefined();
    // The answer was noted: now nothing is compared any more.
    rmSync(join(root, "node_modules/.package-lock.json"));
    expect(reasonToInstall(root, "20.20.0")).toBeUndefined();
  });
  test("when another version is installed", () => {
    install("0.9.0");
    expect(reasonToInstall(root, "20.19.0")).toBe("node_modules/a is 0.9.0 instead of 1.0.0");
  });
  test("when the lock file has changed since", () => {
    install();
    markInstalled(root, "20.19.0");
    write("package-lock.json", { packages: { ...lock.packages, "node_modules/b": { version: "2.0.0" } } });
    expect(reasonToInstall(root, "20.19.0")).toBe("node_modules/b is missing");
  });
  test("when a package was deleted by hand or npm was interrupted", () => {
    install();
    rmSync(join(root, "node_modules/a"), { recursive: true });
    expect(reasonToInstall(root, "20.19.0")).toBe("node_modules/a was deleted");
    rmSync(join(root, "node_modules/.package-lock.json"));
    expect(reasonToInstall(root, "20.19.0")).toContain("not completely");
  });
  test("with another major version of Node", () => {
    install();
    markInstalled(root, "20.19.0");
    expect(reasonToInstall(root, "22.1.0")).toBe("node_modules was installed with Node 20, this is Node 22");
  });
});

describe("npm ci that refuses the lock file", () => {
  const text = JSON.stringify({ packages: { "node_modules/lint": { optionalDependencies: { "@lint/darwin": "1.0.0", plain: "1.0.0" } } } });
  const refusal = (...lines: string[]) => ["npm error code EUSAGE", "npm error", ...lines.map((line) => `npm error ${line}`)].join("\n");

  test("for optional packages only is told from an outdated lock file", () => {
    expect(lacksOnlyOptional(refusal("Missing: @lint/darwin@ from lock file", "Missing: plain@1.0.0 from lock file"), text)).toBe(true);
    expect(lacksOnlyOptional(refusal("Missing: @lint/darwin@ from lock file", "Missing: new@2.0.0 from lock file"), text)).toBe(false);
    expect(lacksOnlyOptional(refusal("Invalid: lock file's plain@1.0.0 does not satisfy plain@2.0.0"), text)).toBe(false);
    expect(lacksOnlyOptional("npm error code ENOTFOUND", text)).toBe(false);
  });
  test("is told by its first lines", () => {
    const output = `npm warn old\n${refusal("why", "more")}\nnpm error usage`;
    expect(firstErrors(output, 3)).toBe("npm error code EUSAGE\nnpm error why\nnpm error more");
  });
});
