import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Where the packages of peers are installed, apart from those of this repository. */
export const peerFolder = fileURLToPath(new URL("../../peers/node/", import.meta.url));

/** Loads a peer's package as what its user knows of it. Throws when it is not installed or does not load. */
export async function loadPeer<T>(name: string): Promise<T> {
  return createRequire(`${peerFolder}package.json`)(name) as T;
}

/** The same for a package that can only be imported; `entry` is the file in it. */
export async function importPeer<T>(name: string, entry: string): Promise<T> {
  return (await import(pathToFileURL(`${peerFolder}node_modules/${name}/${entry}`).href)) as T;
}

/** A peer's name and version beside Node's, for the rows. */
export function describePeer(name: string): string {
  const { version } = JSON.parse(readFileSync(`${peerFolder}node_modules/${name}/package.json`, "utf8")) as { version: string };
  return `node ${process.versions.node}, ${name} ${version}`;
}
