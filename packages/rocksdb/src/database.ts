import { checkRange, copyBytes, grownBuffer } from "./byte-buffer.js";
import { type DrainRequest, noBlock } from "./drain.js";
import { RocksDBError } from "./errors.js";
import type { FlushOutput, ImportFile, ImportSource, LiveFile } from "./files.js";
import { DatabaseIterator, type IteratorOptions } from "./iterator.js";
import type { KeyList } from "./key-list.js";
import type { MergeRequest } from "./merge-tables.js";
import type { MemoryUsage } from "./metrics.js";
import { loadNative, type NativeBinding, type OpenResult } from "./native.js";
import { completeOptions, type MergeOperator, type OpenOptions } from "./options.js";
import { Snapshot } from "./snapshot.js";
import type { ExpiringState, TtlStatistics } from "./ttl.js";
import type { WriteBatch } from "./write-batch.js";
import type { WrittenTable } from "./written-table.js";

const NO_BYTES = new Uint8Array(0);

export interface ColumnFamily {
  /** What the other methods take. Never used again after the family was dropped. */
  readonly id: number;
  readonly name: string;
  readonly mergeOperator: MergeOperator;
}

/**
 * An open RocksDB database. Reads, writes and iterators are synchronous; what takes long returns a promise. It belongs to
 * the thread that opened it. All methods throw (or reject with) RocksDBError: DISPOSED after `close`, INVALID_ARGUMENT for
 * a bad argument, otherwise what RocksDB reports.
 */
export class Database {
  readonly #native: NativeBinding;
  readonly #handle: number;
  readonly #families = new Map<number, ColumnFamily>();
  #input: Uint8Array = new Uint8Array(256);
  #output: Uint8Array = new Uint8Array(4096);
  #closed: Promise<void> | undefined;

  private constructor(native: NativeBinding, result: OpenResult) {
    this.#native = native;
    this.#handle = result.handle;
    for (const family of result.columnFamilies) this.#families.set(family.id, family);
  }

  /**
   * Opens the database in a directory, whose parent must exist. Rejects with DIRECTORY_IN_USE while it is open anywhere,
   * and NATIVE_BINDING_MISSING when the addon was not built.
   */
  static async open(path: string, options: OpenOptions = {}): Promise<Database> {
    const native = loadNative();
    return new Database(native, await native.open(path, completeOptions(options)));
  }

  /** True while some process, this one included, has the database in a directory open. False when there is none. */
  static isInUse(path: string): boolean {
    return loadNative().isInUse(path);
  }

  /** Waits for work that is under way, then closes iterators, snapshots and files. Calling it again gives the same promise. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#native.close(this.#handle);
  }

  /** The column families that exist now. */
  columnFamilies(): ColumnFamily[] {
    return [...this.#families.values()];
  }

  /** The column family of this name. Throws INVALID_ARGUMENT when there is none. */
  columnFamily(name: string): ColumnFamily {
    for (const family of this.#families.values()) if (family.name === name) return family;
    throw new RocksDBError("INVALID_ARGUMENT", `there is no column family "${name}"`);
  }

  /** The values that `get` and `multiGet` read; valid until the next call of either, which may also replace the array. */
  get output(): Uint8Array {
    return this.#output;
  }

  /** Reads one key into `output`, from its start. Returns the value's length, or -1 when there is none. */
  get(columnFamily: number, key: Uint8Array, start = 0, end = key.length, snapshot?: Snapshot): number {
    checkRange(key, start, end);
    const length = end - start;
    if (length > this.#input.length) this.#input = grownBuffer(this.#input, length, 0);
    copyBytes(key, start, end, this.#input, 0);
    const at = snapshot === undefined ? 0 : snapshot.handleFor(this);
    let size = this.#native.get(this.#handle, columnFamily, at, this.#input, length, this.#output);
    while (size > this.#output.length) {
      this.#output = grownBuffer(this.#output, size, 0);
      size = this.#native.get(this.#handle, columnFamily, at, this.#input, length, this.#output);
    }
    return size;
  }

  /** Like `get`, but returns a copy of the value, or undefined. */
  getValue(columnFamily: number, key: Uint8Array, snapshot?: Snapshot): Uint8Array | undefined {
    const length = this.get(columnFamily, key, 0, key.length, snapshot);
    return length < 0 ? undefined : this.#output.slice(0, length);
  }

  /**
   * Reads many keys at once. Value i is output[ranges[2i], ranges[2i + 1]); both are -1 when the key is absent.
   * `ranges` needs two elements a key; at most 1,048,576 keys and 2 GiB of values.
   */
  multiGet(columnFamily: number, keys: KeyList, ranges: Int32Array, snapshot?: Snapshot): void {
    const at = snapshot === undefined ? 0 : snapshot.handleFor(this);
    const read = (): number =>
      this.#native.multiGet(this.#handle, columnFamily, at, keys.bytes, keys.sizeBytes, keys.count, this.#output, ranges);
    for (let size = read(); size > this.#output.length; size = read()) this.#output = grownBuffer(this.#output, size, 0);
  }

  /**
   * Applies a batch, all of it or nothing, and returns the number of records. The batch is not cleared. `isSynced` waits
   * until the write-ahead log is on disk and needs the option writeAheadLog. Blocks while the memtables are full.
   */
  write(batch: WriteBatch, isSynced = false): number {
    return this.#native.write(this.#handle, batch.bytes, batch.sizeBytes, isSynced);
  }

  /** Opens an iterator; close it. */
  iterator(columnFamily: number, options: IteratorOptions = {}): DatabaseIterator {
    return new DatabaseIterator(this.#native, this.#handle, columnFamily, options.snapshot?.handleFor(this) ?? 0, options);
  }

  /** A consistent view for later reads; release it. */
  takeSnapshot(): Snapshot {
    const handle = this.#native.takeSnapshot(this.#handle);
    return new Snapshot(this, handle, () => {
      if (this.#closed === undefined) this.#native.releaseSnapshot(this.#handle, handle);
    });
  }

  /**
   * Writes the memtables to table files. Resolves when every write made before the call is in a file and its flush output
   * was recorded (see `takeFlushOutputs`) and linked. Resolves at once when there was nothing to flush.
   */
  async flush(columnFamilies: readonly number[]): Promise<void> {
    await this.#native.flush(this.#handle, columnFamilies);
  }

  /** The files that flushes wrote since the last call, also those RocksDB started by itself; oldest first. */
  takeFlushOutputs(): FlushOutput[] {
    return this.#native.takeFlushOutputs(this.#handle);
  }

  /**
   * From now on every flush output is hard-linked (copied where links are impossible) into this existing directory before a
   * compaction can delete it; undefined ends that. A failed link shows in the output's linkErrno. Names repeat in a
   * restored database: use a directory of its own for each. The directory itself is not fsynced.
   */
  setFlushLinkDirectory(directory: string | undefined): void {
    this.#native.setFlushLinkDirectory(this.#handle, directory ?? "");
  }

  /**
   * Writes one layer of a write-back table to sorted, fsynced table files and adds them to the column family, all or nothing,
   * on a thread of lowest priority; no memtable is used. The promise resolves with the files, [] when the layer had no changes.
   * Until then, or until `progressBlock` says so, the frozen segments must not be written, except for the byte "referenced". A second
   * drain waits for the first.
   * While level 0 has as many files as stop writes (level0StopTrigger, `setOptions`) it waits for compactions.
   * After a failure no file is left, and the same drain can be tried again. Rejects with STATE_CORRUPT when the table is damaged.
   */
  async drain(columnFamily: number, request: DrainRequest): Promise<WrittenTable[]> {
    const { memory, segments, segmentCount, segmentBytes, chunkShift, layer, directory, filePrefix, targetFileBytes } = request;
    const { progressBlock = noBlock } = request;
    return await this.#native.drain(
      this.#handle, columnFamily, memory.handle, segments, segmentCount, segmentBytes, chunkShift, layer, directory, filePrefix,
      targetFileBytes, progressBlock,
    );
  }

  /**
   * Blocks this thread until the oldest drain that has not ended is readable in the database, or has failed; returns whether it
   * succeeded. Its promise settles a moment later. Without such a drain: returns at once how the last one ended (true: well). With
   * `atMostMs` (0 to an hour) it returns undefined where that is not known by then.
   */
  waitForDrain(): boolean;
  waitForDrain(atMostMs: number): boolean | undefined;
  waitForDrain(atMostMs = -1): boolean | undefined {
    return this.#native.waitForDrain(this.#handle, atMostMs);
  }

  /**
   * Blocks this thread until the layer of the oldest drain was copied out of its table, a few milliseconds; false when it failed before
   * that, or without a drain.
   */
  waitForCollected(): boolean {
    return this.#native.waitForCollected(this.#handle);
  }

  /** True while a drain is running or queued. */
  isDraining(): boolean {
    return this.#native.isDraining(this.#handle);
  }

  /**
   * Merges table files that drains or merges wrote into fewer, with the merge operator of the column family, on a thread of lowest
   * priority. Of each key the newest entry is kept; deletions stay, since older files may hold what they delete. Neither the database nor
   * the inputs are changed. After a failure no file is left. Rejects with STATE_CORRUPT where an input is damaged or another file,
   * INVALID_ARGUMENT where something else wrote it, NO_SPACE, IO, and DISPOSED after cancelMerges() or close().
   */
  async mergeTables(columnFamily: number, { inputs, directory, filePrefix, targetFileBytes }: MergeRequest): Promise<WrittenTable[]> {
    return await this.#native.mergeTables(this.#handle, columnFamily, inputs, directory, filePrefix, targetFileBytes);
  }

  /** Makes the merges that are under way or queued fail soon. */
  cancelMerges(): void {
    this.#native.cancelMerges(this.#handle);
  }

  /** Rewrites the column family into its last level. */
  async compactRange(columnFamily: number): Promise<void> {
    await this.#native.compactRange(this.#handle, columnFamily);
  }

  /**
   * Accepts writes again after a background error whose cause is gone. RocksDB also tries by itself when a disk was full;
   * then this waits for that, at most 15 s.
   */
  async resume(): Promise<void> {
    await this.#native.resume(this.#handle);
  }

  /** The table files of a column family now; a compaction may delete them at any time (`pinLiveFiles` prevents that). */
  liveFiles(columnFamily: number): LiveFile[] {
    return this.#native.liveFiles(this.#handle, columnFamily);
  }

  /**
   * Hard-links all table files of the column families into an existing directory and describes them; nothing stays there
   * when it fails. Flush first, with no write in between: what is in memory is not pinned.
   */
  async pinLiveFiles(columnFamilies: readonly number[], directory: string): Promise<LiveFile[]> {
    return await this.#native.pinLiveFiles(this.#handle, columnFamilies, directory);
  }

  /**
   * Makes a column family out of files in a private directory, from which they are taken away. Verify their contents first:
   * RocksDB does not notice damaged blocks here. An empty list makes an empty family. Afterwards the latest sequence number
   * is at least the largest of the files, so later writes lie above all of them; flush outputs must follow the base files
   * they belong to and not be contained in them. Returns the number of the column family.
   */
  async importFiles(
    name: string,
    mergeOperator: MergeOperator,
    directory: string,
    files: readonly ImportFile[],
  ): Promise<number> {
    return await this.importSources(name, mergeOperator, [{ directory, files }]);
  }

  /**
   * Like `importFiles`, from the files of several column families in one step. Their key ranges must not overlap, tombstones
   * included; otherwise clip them first (`clipColumnFamily`). Sequence numbers may collide.
   */
  async importSources(name: string, mergeOperator: MergeOperator, sources: readonly ImportSource[]): Promise<number> {
    const id = await this.#native.importFiles(this.#handle, name, mergeOperator, sources);
    this.#families.set(id, { id, name, mergeOperator });
    return id;
  }

  /**
   * Deletes all keys outside of [lower, upper) for good (without upper: before lower), by background compactions. Nothing may
   * be written outside of the range meanwhile. Afterwards no file reaches beyond it, so the column family can be imported beside
   * others. Rejects with ROCKSDB while a snapshot from before keeps entries alive: reads no longer find them, but clip again later.
   */
  async clipColumnFamily(columnFamily: number, lower: Uint8Array, upper?: Uint8Array): Promise<void> {
    await this.#native.clipColumnFamily(this.#handle, columnFamily, lower, upper ?? NO_BYTES, upper !== undefined);
  }

  /**
   * Deletes the files whose keys all lie in [lower, upper) at once, except those of level 0. Which keys of the range are left is
   * undefined, also values from before an overwrite or delete can show: nobody may read the range any more.
   */
  async deleteFilesInRange(columnFamily: number, lower: Uint8Array, upper?: Uint8Array): Promise<void> {
    await this.#native.deleteFilesInRange(this.#handle, columnFamily, lower, upper ?? NO_BYTES, upper !== undefined);
  }

  /** Makes an empty column family and returns its number. */
  async createColumnFamily(name: string, mergeOperator: MergeOperator = "none"): Promise<number> {
    return await this.importFiles(name, mergeOperator, "", []);
  }

  /** Deletes a column family; its files go when the last iterator on it is closed. Its number is refused from now on. */
  async dropColumnFamily(columnFamily: number): Promise<void> {
    const dropped = this.#native.dropColumnFamily(this.#handle, columnFamily);
    this.#families.delete(columnFamily);
    await dropped;
  }

  /** Changes RocksDB's own dynamic options, under RocksDB's names: `{ level0_slowdown_writes_trigger: "20" }`. */
  async setOptions(columnFamily: number, options: Readonly<Record<string, string>>): Promise<void> {
    await this.#native.setOptions(this.#handle, columnFamily, Object.entries(options).flat());
  }

  /**
   * Says which states of a column family expire, instead of what was said before; states that are not named never do.
   * Compactions remove what is expired by the time of `setTtlClock` (one under way keeps the states and the time it began
   * with); merges of "list-append" drop expired elements, in reads too. A held snapshot does not keep expired values. Bytes of
   * another form are kept. Not stored: say it again after opening.
   */
  setTtl(columnFamily: number, states: readonly ExpiringState[]): void {
    this.#native.setTtl(this.#handle, columnFamily, states);
  }

  /**
   * Says which key groups, the first two bytes of each key, count: from now on compactions drop what is in others, by and by, without
   * more work. What of it is left is undefined, also values from before an overwrite or delete can show: nobody may read outside of
   * the range any more. Not stored: say it again after opening.
   */
  keepKeyGroups(columnFamily: number, first: number, last: number): void {
    this.#native.keepKeyGroups(this.#handle, columnFamily, first, last);
  }

  /**
   * The time by which entries expire, in milliseconds since the epoch; an earlier one than before changes nothing. Nothing
   * expires until it is set. Must never be ahead of the clock by which the caller takes entries for expired.
   */
  setTtlClock(nowMs: number): void {
    this.#native.setTtlClock(this.#handle, nowMs);
  }

  ttlStatistics(): TtlStatistics {
    return this.#native.ttlStatistics(this.#handle);
  }

  memoryUsage(): MemoryUsage {
    return this.#native.memoryUsage(this.#handle);
  }

  /**
   * RocksDB's counters since the database was opened, under RocksDB's names ("rocksdb.block.cache.hit"). Throws INVALID_ARGUMENT
   * without the option statistics.
   */
  statistics(): Record<string, number> {
    return this.#native.statistics(this.#handle);
  }

  /** A RocksDB property such as "rocksdb.num-files-at-level0"; undefined when RocksDB does not know it. */
  property(columnFamily: number, name: string): string | undefined {
    return this.#native.property(this.#handle, columnFamily, name);
  }

  /** The sequence number of the last write. */
  latestSequenceNumber(): number {
    return this.#native.latestSequenceNumber(this.#handle);
  }
}
