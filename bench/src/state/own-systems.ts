import { join } from "node:path";
import type { StateBackend } from "@tidemark/core/state";
import { version } from "@tidemark/rocksdb";
import { fsBackend } from "@tidemark/state-fs";
import { memoryBackend } from "@tidemark/state-memory";
import { rocksdbBackend } from "@tidemark/state-rocksdb";

interface OwnSystem {
  /** A backend whose local files go below `directory`. */
  readonly backend: (directory: string) => StateBackend;
  /** What of it is measured beside Node. */
  readonly build: () => string;
}

/** Our backends, each with its defaults: what someone gets who just picks it. */
export const ownSystems: Readonly<Record<string, OwnSystem>> = {
  memory: { backend: () => memoryBackend(), build: () => "" },
  fs: { backend: (directory) => fsBackend({ directory: join(directory, "logs") }), build: () => "" },
  rocksdb: {
    backend: (directory) => rocksdbBackend({ directory: join(directory, "databases") }),
    build: () => {
      const { rocksdb, binding, commit, flags } = version();
      const portable = /-DPORTABLE=\S+/u.exec(flags)?.[0] ?? "";
      return `, rocksdb ${rocksdb} from ${commit}, ${binding} ${portable}`;
    },
  },
};

/** One of our backends by name. Throws when there is no such. */
export function ownSystem(name: string): OwnSystem {
  const system = ownSystems[name];
  if (system === undefined) throw new Error(`unknown system: ${name}`);
  return system;
}

/** For the rows of a result. */
export function describeBuild(name: string): string {
  return `node ${process.versions.node}${ownSystem(name).build()}`;
}
