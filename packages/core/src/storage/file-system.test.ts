import { createHash } from "node:crypto";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { writeDurably } from "./create-if-absent.js";
import { errnoOf, fileError } from "./file-errors.js";
import type { FileSystem } from "./file-system.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { NodeFileSystem } from "./node-file-system.js";

const node = new NodeFileSystem();
const directory = await mkdtemp(join(tmpdir(), "tidemark-files-"));
afterAll(async () => {
  await node.close();
  await rm(directory, { recursive: true });
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array): string => new TextDecoder().decode(content);

const kinds: [name: string, fileSystem: FileSystem, root: string][] = [
  ["NodeFileSystem", node, directory],
  ["MemoryFileSystem", new MemoryFileSystem(), "/root"],
];

describe.each(kinds)("%s", (_name, files, root) => {
  const at = (name: string): string => join(root, name);

  test("creates, appends, cuts and reads", async () => {
    await files.makeDirectory(at("a/b"));
    const file = await files.createFile(at("a/b/f"));
    await file.write(bytes("hello "));
    await file.write(bytes("world"));
    expect(file.sizeBytes).toBe(11);
    await file.sync();
    await file.close();
    await expect(files.createFile(at("a/b/f"))).rejects.toMatchObject({ code: "IO", details: { errno: "EEXIST" } });
    const again = await files.openForAppend(at("a/b/f"), 5);
    await again.write(bytes("!"));
    await again.close();
    expect(text(await files.readFile(at("a/b/f")))).toBe("hello!");
    await expect(files.openForAppend(at("a/b/f"), 7)).rejects.toMatchObject({ code: "IO" });
    const reader = await files.openForRead(at("a/b/f"));
    expect([reader.sizeBytes, text(await reader.read(4, 100)), (await reader.read(6, 1)).length]).toEqual([6, "o!", 0]);
    await reader.close();
    expect(await files.sha256(at("a/b/f"))).toBe("ce06092fb948d9ffac7d1a376e404b26b7575bcc11ee05a4615fef4fec3a308b");
    expect(await files.stat(at("a/b/f"))).toMatchObject({ kind: "file", sizeBytes: 6 });
  });

  test("lists, links, renames, copies and removes", async () => {
    await files.makeDirectory(at("d"));
    await writeDurably(files, at("d/x"), bytes("x"));
    await files.link(at("d/x"), at("d/link"));
    await files.copyFile(at("d/x"), at("d/copy"));
    expect(await files.copyHashed(at("d/x"), at("d/hashed"))).toBe(await files.sha256(at("d/x")));
    expect(text(await files.readFile(at("d/hashed")))).toBe("x");
    await files.removeFile(at("d/hashed"));
    await writeDurably(files, at("d/y"), bytes("y"));
    await files.rename(at("d/y"), at("d/copy"));
    await files.makeDirectory(at("d/sub"));
    const entries = (await files.list(at("d"))).map(({ name, kind }) => `${name}:${kind}`);
    expect(entries).toEqual(["copy:file", "link:file", "sub:directory", "x:file"]);
    expect(text(await files.readFile(at("d/copy")))).toBe("y");
    await files.removeFile(at("d/x"));
    await files.removeFile(at("d/x"));
    expect(text(await files.readFile(at("d/link")))).toBe("x");
    await files.syncFile(at("d/link"));
    await files.syncDirectory(at("d"));
    await files.removeDirectory(at("d"));
    await files.removeDirectory(at("d"));
    expect([await files.stat(at("d")), await files.list(at("d"))]).toEqual([undefined, []]);
  });

  test("refuses what would overwrite, is missing or too large", async () => {
    await files.makeDirectory(at("r"));
    await writeDurably(files, at("r/x"), bytes("old"));
    await writeDurably(files, at("r/y"), bytes("new"));
    await expect(files.link(at("r/y"), at("r/x"))).rejects.toMatchObject({ code: "IO", details: { errno: "EEXIST" } });
    await expect(files.copyFile(at("r/y"), at("r/x"))).rejects.toMatchObject({ code: "IO", details: { errno: "EEXIST" } });
    await expect(files.copyHashed(at("r/y"), at("r/x"))).rejects.toMatchObject({ code: "IO", details: { errno: "EEXIST" } });
    await expect(files.copyHashed(at("r/none"), at("r/z"))).rejects.toMatchObject({ code: "IO", details: { errno: "ENOENT" } });
    await expect(files.copyFile(at("r/none"), at("r/x"))).rejects.toMatchObject({ code: "IO", details: { errno: "ENOENT" } });
    expect(text(await files.readFile(at("r/x")))).toBe("old");
    await expect(files.readFile(at("r/x"), { maxBytes: 2 })).rejects.toMatchObject({ code: "IO", details: { errno: "EFBIG" } });
    for (const operation of ["readFile", "sha256", "syncFile", "openForRead", "syncDirectory"] as const) {
      await expect(files[operation](at("r/none"))).rejects.toMatchObject({ code: "IO", details: { errno: "ENOENT" } });
    }
    await expect(files.readFile(at("r"))).rejects.toMatchObject({ code: "IO", details: { errno: "EISDIR" } });
    await expect(files.makeDirectory(at("r/x/z"))).rejects.toMatchObject({ code: "IO" });
    const aborted = AbortSignal.abort(new Error("stop"));
    await expect(files.sha256(at("r/x"), aborted)).rejects.toThrow("stop");
    await expect(files.copyFile(at("r/x"), at("r/z"), aborted)).rejects.toThrow("stop");
    await expect(files.copyHashed(at("r/x"), at("r/z"), aborted)).rejects.toThrow("stop");
    expect(await files.stat(at("r/z"))).toBeUndefined();
  });

  test.each([0, 10, 1 << 20, 5_000_000])("hashes a file of %i bytes while it grows", async (sizeBytes) => {
    const path = at(`growing-${sizeBytes}`);
    const all = Uint8Array.from({ length: sizeBytes }, (_, index) => (index * 7) ^ (index >>> 8));
    const hash = files.hashGrowing(path);
    const file = await files.createFile(path);
    for (let offset = 0; offset < sizeBytes; offset += 600_000) {
      await file.write(all.subarray(offset, offset + 600_000));
      hash.grown(file.sizeBytes);
    }
    await file.close();
    expect(await hash.digest()).toBe(createHash("sha256").update(all).digest("hex"));
    hash.cancel();
  });

  test("a growing hash that is cancelled, aborted or without its file spoils no other", async () => {
    await writeDurably(files, at("whole"), new Uint8Array(3 << 20));
    const cancelled = files.hashGrowing(at("whole"));
    cancelled.grown(2 << 20);
    cancelled.cancel();
    const controller = new AbortController();
    const aborted = files.hashGrowing(at("whole"), controller.signal);
    aborted.grown(2 << 20);
    controller.abort(new Error("stop"));
    await expect(aborted.digest()).rejects.toThrow("stop");
    aborted.cancel();
    const missing = files.hashGrowing(at("missing"));
    missing.grown(2 << 20);
    await expect(missing.digest()).rejects.toMatchObject({ code: "IO", details: { errno: "ENOENT" } });
    const good = files.hashGrowing(at("whole"));
    good.grown(2 << 20);
    expect(await good.digest()).toBe(await files.sha256(at("whole")));
  });
});

describe("NodeFileSystem", () => {
  test("rule 16: does not follow a symbolic link when it looks at a file", async () => {
    await symlink("/etc/hostname", join(directory, "symlink"));
    expect(await node.stat(join(directory, "symlink"))).toMatchObject({ kind: "other" });
  });

  test("rule 26: hashes on its thread, also when the thread was closed in between; an abort does not wait", async () => {
    const path = join(directory, "big");
    await writeDurably(node, path, new Uint8Array(20 << 20));
    const expected = await node.sha256(path);
    const controller = new AbortController();
    const many = Array.from({ length: 5 }, () => node.sha256(path));
    const aborted = node.sha256(path, controller.signal);
    controller.abort(new Error("stop"));
    await expect(aborted).rejects.toThrow("stop");
    expect(await Promise.all(many)).toEqual(Array.from({ length: 5 }, () => expected));
    const interrupted = node.sha256(path);
    await node.close();
    expect(await interrupted).toBe(expected);
    const growing = node.hashGrowing(path);
    growing.grown(10 << 20);
    await node.close();
    growing.grown(20 << 20);
    expect(await growing.digest()).toBe(expected);
    expect(await node.sha256(path)).toBe(expected);
  });

  test("maps the errors of the system", () => {
    const cases = [
      ["ENOSPC", "write", "NO_SPACE"], ["EDQUOT", "write", "NO_SPACE"], ["EACCES", "write", "DIRECTORY_NOT_WRITABLE"],
      ["EROFS", "write", "DIRECTORY_NOT_WRITABLE"], ["EACCES", "read", "IO"], ["EPERM", "link", "IO"], ["EXDEV", "link", "IO"],
      ["EACCES", "link", "DIRECTORY_NOT_WRITABLE"], ["EIO", "write", "IO"],
    ] as const;
    for (const [errno, access, code] of cases) {
      const error = fileError("write", "/f", Object.assign(new Error(errno), { code: errno }), access);
      expect([error.code, errnoOf(error)]).toEqual([code, errno]);
    }
  });
});

describe("MemoryFileSystem.crash", () => {
  test("loses contents and names that were not synced, and kills open files", async () => {
    const files = new MemoryFileSystem();
    await files.makeDirectory("/d");
    await files.syncDirectory("/");
    await writeDurably(files, "/d/kept", bytes("kept"));
    await files.syncDirectory("/d");
    const tail = await files.openForAppend("/d/kept", 4);
    await tail.write(bytes(" and lost"));
    await writeDurably(files, "/d/unnamed", bytes("x"));
    files.crash();
    expect(await files.list("/d")).toEqual([{ name: "kept", kind: "file" }]);
    expect(text(await files.readFile("/d/kept"))).toBe("kept");
    await expect(tail.write(bytes("x"))).rejects.toMatchObject({ code: "IO" });
  });

  test("undoes a rename and a removal that were not synced", async () => {
    const files = new MemoryFileSystem();
    await files.makeDirectory("/d");
    await files.syncDirectory("/");
    await writeDurably(files, "/d/a", bytes("a"));
    await writeDurably(files, "/d/b", bytes("b"));
    await files.syncDirectory("/d");
    await files.rename("/d/a", "/d/b");
    files.crash();
    expect([text(await files.readFile("/d/a")), text(await files.readFile("/d/b"))]).toEqual(["a", "b"]);
    await files.removeFile("/d/a");
    files.crash();
    expect(await files.stat("/d/a")).toMatchObject({ kind: "file" });
    await files.removeFile("/d/a");
    await files.syncDirectory("/d");
    files.crash();
    expect(await files.stat("/d/a")).toBeUndefined();
  });
});
