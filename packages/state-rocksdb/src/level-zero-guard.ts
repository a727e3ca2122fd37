import type { Database } from "@tidemark/rocksdb";

/** Files of level 0 at which a drain waits for compaction: more slow every read. A table of deltas that were just imported has more. */
const stopTrigger = 40;
/** With so many files left, an import has settled. */
const settledFiles = 20;

/**
 * A restore imports every delta as a file of level 0, more than drains would normally be allowed to make, and none may wait for compaction
 * then. Once compaction has taken most of them, the usual limit holds again.
 */
export class LevelZeroGuard {
  readonly #database: Database;
  readonly #columnFamily: number;
  #isSet = false;

  constructor(database: Database, columnFamily: number) {
    this.#database = database;
    this.#columnFamily = columnFamily;
  }

  /** To be called now and then. */
  check(): void {
    if (this.#isSet) return;
    const files = Number(this.#database.property(this.#columnFamily, "rocksdb.num-files-at-level0") ?? 0);
    if (files > settledFiles) return;
    this.#isSet = true;
    const options = { level0_stop_writes_trigger: String(stopTrigger), level0_slowdown_writes_trigger: String(stopTrigger) };
    this.#database.setOptions(this.#columnFamily, options).catch(() => {
      this.#isSet = false;
    });
  }
}
