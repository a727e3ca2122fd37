import { appendFileSync, createReadStream, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { increment, type NodeStore, type NodeStoreKind, type Visit } from "../node-store.js";
import { publishFile } from "../published-file.js";

const linesAtOnce = 10_000;

/**
 * What a program has that needs no store: a Map whose values are changed in place, and a file of JSON. The file is written at once, so it
 * is crash consistent, but the program stands still until it is there, and all of it is in memory.
 */
export const mapJson: NodeStoreKind = {
  open: async ({ directory }) => new MapStore(join(directory, "map.json")),
  async readSnapshot({ directory }, visit) {
    // As lines: at some millions of entries the whole file is longer than a text can be.
    for await (const line of createInterface({ input: createReadStream(join(directory, "map.json")) })) {
      const entry = line.startsWith('["') ? (JSON.parse(line.replace(/,$/u, "")) as [string, string]) : undefined;
      if (entry !== undefined) visit(entry[0], Buffer.from(entry[1], "base64"));
    }
  },
};

class MapStore implements NodeStore {
  readonly build = `node ${process.versions.node}`;
  readonly #map = new Map<string, Buffer>();
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  put(keys: readonly string[], values: readonly Buffer[]): void {
    for (const [index, key] of keys.entries()) this.#map.set(key, values[index] as Buffer);
  }

  get(keys: readonly string[], visit: Visit): void {
    for (let index = 0; index < keys.length; index += 1) visit(this.#map.get(keys[index] as string), index);
  }

  getBatch(keys: readonly string[], visit: Visit): void {
    this.get(keys, visit);
  }

  readModifyWrite(keys: readonly string[]): void {
    for (const key of keys) increment(this.#map.get(key), key);
  }

  readModifyWriteBatch(keys: readonly string[]): void {
    this.readModifyWrite(keys);
  }

  async snapshot(): Promise<void> {
    await publishFile(this.#path, (temporary) => {
      writeFileSync(temporary, "[\n");
      let lines: string[] = [];
      let left = this.#map.size;
      for (const [key, value] of this.#map) {
        left -= 1;
        lines.push(`${JSON.stringify([key, value.toString("base64")])}${left > 0 ? "," : ""}\n`);
        if (left > 0 && lines.length < linesAtOnce) continue;
        appendFileSync(temporary, lines.join(""));
        lines = [];
      }
      appendFileSync(temporary, "]\n");
    });
  }

  async close(): Promise<void> {
    this.#map.clear();
  }
}
