import { type BaseList, encodeBaseList } from "./base-list.js";
import { chainsIn } from "./chain-retention.js";
import type { BaseListName, CheckpointManifest, FileReference, OperatorState } from "./manifest.js";
import type { SharedFiles } from "./shared-files.js";

/** A list that is in shared/ already. */
interface KnownList {
  readonly file: FileReference;
  readonly unpackedBytes: number;
  readonly base: readonly string[];
}

/** What encodeManifest needs to leave bases to lists. */
export interface ListedBases {
  /** The checkpoint's files with the lists. */
  readonly files: readonly FileReference[];
  readonly baseLists: readonly BaseListName[];
}

/** Writes the lists of bases: one when a chain begins, none while it goes on. */
export class BaseLists {
  readonly #shared: SharedFiles;
  readonly #generation: number;
  /** By chain. */
  readonly #known = new Map<string, KnownList>();

  constructor(shared: SharedFiles, generation: number) {
    this.#shared = shared;
    this.#generation = generation;
  }

  /** State may go on from this manifest, and from the chains in it. */
  learn({ operators, files, baseLists = [] }: CheckpointManifest): void {
    const byName = new Map(files.map((file) => [file.name, file]));
    const chains = new Map(chainsIn(operators).map((chain) => [chain.id, chain]));
    for (const { chain, file, unpackedBytes } of baseLists) {
      const [reference, described] = [byName.get(file), chains.get(chain)];
      if (reference === undefined || described === undefined) continue;
      this.#known.set(chain, { file: reference, unpackedBytes, base: described.base });
    }
  }

  /** Writes what is missing for a checkpoint. A list that is named by no checkpoint in the end is garbage as any other file. */
  async write(checkpoint: number, operators: readonly OperatorState[], files: readonly FileReference[]): Promise<ListedBases> {
    const byName = new Map(files.map((file) => [file.name, file]));
    const lists: FileReference[] = [];
    const baseLists: BaseListName[] = [];
    for (const [index, { id, base, description }] of chainsIn(operators).entries()) {
      if (description === undefined) continue;
      const list =
        this.#find(id, base) ??
        (await this.#write(`${this.#generation}-base-${checkpoint}-${index}.json.gz`, {
          chain: id,
          // One that is not among the files is left to encodeManifest, which refuses the checkpoint.
          files: base.flatMap((name) => byName.get(name) ?? []),
          description,
        }));
      this.#known.set(id, list);
      lists.push(list.file);
      baseLists.push({ chain: id, file: list.file.name, unpackedBytes: list.unpackedBytes });
    }
    return { files: [...files, ...lists], baseLists };
  }

  /** No other list is named by the newest checkpoint, so others may be deleted. */
  keepOnly(baseLists: readonly BaseListName[]): void {
    const kept = new Set(baseLists.map(({ chain }) => chain));
    for (const chain of this.#known.keys()) if (!kept.has(chain)) this.#known.delete(chain);
  }

  #find(chain: string, base: readonly string[]): KnownList | undefined {
    const known = this.#known.get(chain);
    const isSame = known !== undefined && known.base.length === base.length && base.every((name, index) => known.base[index] === name);
    return isSame ? known : undefined;
  }

  async #write(name: string, list: BaseList): Promise<KnownList> {
    const { bytes, unpackedBytes } = await encodeBaseList(list);
    return { file: await this.#shared.writeFile(name, oneChunk(bytes)), unpackedBytes, base: list.files.map((file) => file.name) };
  }
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
