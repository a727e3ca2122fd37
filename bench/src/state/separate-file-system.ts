import { relative, resolve } from "node:path";
import { StateError } from "@tidemark/core";
import { NodeFileSystem } from "@tidemark/core/storage";

/**
 * Files as they are when checkpoints lie on another disk: a hard link into or out of the checkpoint directory fails with EXDEV, as it
 * does between two file systems, so that such files are copied. Links inside of it, by which checkpoints are announced, go on.
 */
export class SeparateFileSystem extends NodeFileSystem {
  readonly #checkpoints: string;

  constructor(checkpoints: string) {
    super();
    this.#checkpoints = resolve(checkpoints);
  }

  override async link(from: string, to: string): Promise<void> {
    if (this.#isCheckpoint(from) !== this.#isCheckpoint(to)) {
      throw new StateError("IO", `cannot link ${from} to ${to}: they count as two file systems`, { details: { errno: "EXDEV" } });
    }
    await super.link(from, to);
  }

  #isCheckpoint(path: string): boolean {
    return !relative(this.#checkpoints, resolve(path)).startsWith("..");
  }
}
