import { type ByteCursor, ByteReader, ByteWriter, type OrderedByteStore, StateError } from "@tidemark/core/state";
import type { BackingStore } from "./backing-store.js";
import { type EntryKind, listKind, segmentBytes, tombstoneKind, valueKind } from "./entry-format.js";
import { LayerQueue } from "./layer-queue.js";
import { lookOver, writeJoined, writePiece, writeUndrained } from "./list-pieces.js";
import { MergeCursor } from "./merge-cursor.js";
import { type ChunkMemory, SegmentPool } from "./segment-pool.js";
import { WrittenKeys } from "./written-keys.js";
import { full, WriteBackTable } from "./write-back-table.js";

/** Longer values are read from the store below each time. */
const cachedValueMaxBytes = 64 * 1024;
/** A layer is drained before its time when it fills this part of the table. */
const spillPart = 0.2;
/**
 * While a layer is drained, the writer of the next is held back from this part of that on, for a moment after each step and more and more.
 * It would otherwise run into the end of the table and stop for as long as the drain takes.
 */
const unpacedPart = 0.5;
const paceSteps = 32;
const longestPauseMs = 8;
const longestWaitMs = 1_000;
const smallestSegments = 16;

export interface WriteBackCounters {
  /** Reads that the table could answer. */
  readonly hits: number;
  /** Reads that went to the database. */
  readonly misses: number;
  readonly evictions: number;
  /** Layers that were frozen because they filled the table. */
  readonly spills: number;
  /** Writes that had to wait for a drain because the table was full. */
  readonly stalls: number;
  /** Writes that were held back for a moment because they are ahead of the drains. */
  readonly pauses: number;
  readonly entries: number;
  readonly sizeBytes: number;
  readonly dirtyBytes: number;
}

/**
 * A sorted map of byte strings: a table in memory in front of a store that only takes whole layers. Reads see the table over the store
 * (rule 4); freeze() ends a layer at once, and its drain into the store goes on while later writes are taken.
 */
export class WriteBackStore<D> implements OrderedByteStore {
  readonly #below: BackingStore<D>;
  readonly #table: WriteBackTable;
  readonly #queue: LayerQueue<D>;
  readonly #written: WrittenKeys;
  readonly #cursors = new Map<MergeCursor, number>();
  /** What append() is about to write. */
  readonly #scratch = new ByteWriter({ maxBytes: 0x7fff_ffff });
  /** The list that was read last. Making space for a write may read lists too. */
  readonly #list = new ByteWriter({ maxBytes: 0x7fff_ffff });
  readonly #reader = new ByteReader();
  /** The key that was read from the store below last, and how long its value there is. Nothing was written since. */
  readonly #loaded = new ByteWriter({ maxBytes: 0x7fff_ffff });
  #loadedBytes = -1;
  #hasLoaded = false;
  readonly #spillBytes: number;
  /** Bytes of the current layer at which its writer is held back next. */
  #paceBytes: number;
  /** The current layer has bytes for lists that the table does not know whole. */
  #hasOperands = false;
  #hits = 0;
  #misses = 0;
  #spills = 0;

  /** `onDrained` hears what became of each layer, in order. */
  constructor(below: BackingStore<D>, memory: ChunkMemory, budgetBytes: number, onDrained: (result: D) => void) {
    const segments = Math.max(smallestSegments, Math.floor(budgetBytes / segmentBytes));
    this.#below = below;
    this.#table = new WriteBackTable(new SegmentPool(memory, segments), () => below.collectedLayer);
    this.#written = new WrittenKeys(this.#table);
    this.#queue = new LayerQueue(this.#table, below, () => this.#written.forget(this.#table.drainedLayer), onDrained);
    this.#spillBytes = segments * segmentBytes * spillPart;
    this.#paceBytes = this.#spillBytes * unpacedPart;
  }

  get queue(): LayerQueue<D> {
    return this.#queue;
  }

  /** The layer that writes go to now. */
  get layer(): number {
    return this.#table.layer;
  }

  /** Layers up to this one are in the store below. */
  get drainedLayer(): number {
    return this.#table.drainedLayer;
  }

  counters(): WriteBackCounters {
    const { evictions, size, sizeBytes, dirtyBytes } = this.#table;
    const { stalls, pauses } = this.#queue;
    const counts = { hits: this.#hits, misses: this.#misses, spills: this.#spills };
    return { ...counts, evictions, stalls, pauses, entries: size, sizeBytes, dirtyBytes };
  }

  /** Keys of this state are scanned: their order is kept from the start. */
  keepOrder(stateId: number): void {
    this.#written.keepOrder(stateId);
  }

  /**
   * Ends the layer of the writes so far. Takes the same time whatever was written. Resolves when the layer is in the store below. The
   * caller has made sure that the queue has a slot. `atApplied` is called when it is there and nothing later is.
   */
  freeze(atApplied?: () => void): Promise<void> {
    const hasOperands = this.#hasOperands;
    this.#hasOperands = false;
    this.#paceBytes = this.#spillBytes * unpacedPart;
    return this.#queue.push(this.#table.freeze(), hasOperands, atApplied);
  }

  get(key: ByteWriter): ByteReader | undefined {
    switch (this.#table.find(key.bytes, key.length)) {
      case valueKind:
        this.#hits += 1;
        return this.#table.value;
      case tombstoneKind:
        this.#hits += 1;
        return undefined;
      case listKind:
        return this.#readList(key);
      default:
        return this.#load(key);
    }
  }

  put(key: ByteWriter, value: ByteWriter): void {
    this.#keep(key);
    this.#set(key, valueKind, value.bytes, 0, value.length);
  }

  delete(key: ByteWriter): void {
    this.#keep(key);
    this.#set(key, tombstoneKind, key.bytes, 0, 0);
  }

  append(key: ByteWriter, bytes: ByteWriter): void {
    this.#keep(key);
    // Making space may end the layer and drain others, so what is to be written is made anew then.
    while (!this.#tryAppend(key, bytes)) this.#makeSpace();
  }

  /** Deletes every key in [lower, upper), one by one: a tombstone hides what lies below. */
  deleteRange(lower: Uint8Array, upper: Uint8Array): void {
    const cursor = this.scan(lower, upper);
    const key = new ByteWriter({ maxBytes: 0x7fff_ffff });
    try {
      while (cursor.next()) {
        key.reset();
        key.raw(cursor.key.bytes, cursor.key.position, cursor.key.end);
        this.delete(key);
      }
    } finally {
      cursor.close();
    }
  }

  scan(lower: Uint8Array, upper: Uint8Array): ByteCursor {
    const below = this.#below.isEmpty ? undefined : this.#below.scan(lower, upper, this.#queue.snapshot);
    const drainedLayer = this.#table.pin();
    const cursor = new MergeCursor({
      lower,
      upper,
      below,
      written: this.#written.of(lower),
      lookUp: (key, start, end) => this.#writtenSince(drainedLayer, key, start, end),
      onClose: () => this.#unpin(cursor),
    });
    this.#cursors.set(cursor, drainedLayer);
    return cursor;
  }

  /** Cursors keep what changes under them, and what they kept keeps nothing else in the table. */
  #keep(key: ByteWriter): void {
    this.#hasLoaded = false;
    if (this.#cursors.size > 0) for (const cursor of this.#cursors.keys()) cursor.keep(key.bytes, key.length);
  }

  #unpin(cursor: MergeCursor): void {
    const drainedLayer = this.#cursors.get(cursor);
    this.#cursors.delete(cursor);
    if (drainedLayer !== undefined && drainedLayer >= 0) this.#table.unpin(drainedLayer);
  }

  /** What the table has for a key of layers that were not drained when `drainedLayer` was the last one that was. */
  #writtenSince(drainedLayer: number, key: Uint8Array, start: number, end: number): ByteReader | "deleted" | "below" {
    const table = this.#table;
    const own = start === 0 ? key : key.subarray(start, end);
    const kind = table.find(own, end - start);
    if (kind === 0 || table.foundLayer <= drainedLayer) return "below";
    if (kind === tombstoneKind) return "deleted";
    if (kind === valueKind) return table.value;
    const writer = new ByteWriter({ maxBytes: 0x7fff_ffff });
    writer.raw(own, 0, end - start);
    return this.#readList(writer) ?? "below";
  }

  #load(key: ByteWriter): ByteReader | undefined {
    const below = this.#below;
    if (below.isEmpty) return undefined;
    if (this.#isLoaded(key)) {
      // Code often reads a value twice in a row; the table need not have kept it.
      this.#hits += 1;
    } else {
      this.#misses += 1;
      this.#hasLoaded = false;
      this.#loadedBytes = below.get(key.bytes, key.length, undefined);
      this.#loaded.reset();
      this.#loaded.raw(key.bytes, 0, key.length);
      this.#hasLoaded = true;
    }
    const length = this.#loadedBytes;
    if (length < 0) return undefined;
    this.#reader.reset(below.output, 0, length);
    if (length <= cachedValueMaxBytes) this.#table.keep(key.bytes, key.length, below.output, length);
    return this.#reader;
  }

  #isLoaded(key: ByteWriter): boolean {
    const { bytes, length } = this.#loaded;
    if (!this.#hasLoaded || length !== key.length) return false;
    for (let i = length - 1; i >= 0; i -= 1) if (bytes[i] !== key.bytes[i]) return false;
    return true;
  }

  /** The whole list of the entry that the table just found. Without its base, that comes from the store below, and stays. */
  #readList(key: ByteWriter): ByteReader {
    const table = this.#table;
    const list = this.#list;
    const { drainedLayer, foundLayer } = table;
    list.reset();
    if (lookOver(table.value).hasBase) {
      this.#hits += 1;
      writeJoined(table.value, drainedLayer, list);
    } else {
      this.#misses += 1;
      this.#hasLoaded = false;
      const below = this.#below;
      const length = below.isEmpty ? -1 : below.get(key.bytes, key.length, this.#queue.snapshot);
      if (length > 0) list.raw(below.output, 0, length);
      if (length <= cachedValueMaxBytes) this.#addBase(key, foundLayer, Math.max(0, length));
      else writeJoined(table.value, drainedLayer, list);
    }
    this.#reader.reset(list.bytes, 0, list.length);
    return this.#reader;
  }

  /** `#list` holds the list below: it becomes the base of the entry, and what was appended is put behind it in `#list`. */
  #addBase(key: ByteWriter, layer: number, lengthBytes: number): void {
    const table = this.#table;
    const pieces = new ByteWriter({ maxBytes: 0x7fff_ffff, initialBytes: lengthBytes + table.value.remaining + 16 });
    writePiece(pieces, 0, true, this.#list.bytes, 0, lengthBytes);
    writeUndrained(table.value, table.drainedLayer, pieces);
    writeJoined(table.value, table.drainedLayer, this.#list);
    table.put(key.bytes, key.length, listKind, layer, pieces.bytes, 0, pieces.length);
  }

  #tryAppend(key: ByteWriter, bytes: ByteWriter): boolean {
    const table = this.#table;
    switch (table.find(key.bytes, key.length)) {
      case tombstoneKind:
        return this.#trySet(key, valueKind, bytes.bytes, 0, bytes.length);
      case valueKind:
        return table.foundLayer === table.layer ? this.#lengthen(key, bytes) : this.#appendToDrained(key, bytes);
      case listKind:
        return this.#appendToPieces(key, bytes);
      default:
        // Where nothing lies below, these bytes are the whole list.
        if (this.#below.isEmpty && !this.#queue.isBusy) return this.#trySet(key, valueKind, bytes.bytes, 0, bytes.length);
        this.#hasOperands = true;
        this.#scratch.reset();
        return this.#addPiece(key, bytes);
    }
  }

  /** A value of the current layer is written whole anyway. */
  #lengthen(key: ByteWriter, bytes: ByteWriter): boolean {
    const table = this.#table;
    if (table.extend(key.bytes, key.length, -1, bytes.bytes, bytes.length)) return true;
    const scratch = this.#scratch;
    const { bytes: old, position, end } = table.value;
    scratch.reset();
    scratch.raw(old, position, end);
    scratch.raw(bytes.bytes, 0, bytes.length);
    return this.#trySet(key, valueKind, scratch.bytes, 0, scratch.length);
  }

  /** The value is or will be in the store below, where only the new bytes are to be added. */
  #appendToDrained(key: ByteWriter, bytes: ByteWriter): boolean {
    const { value, foundLayer } = this.#table;
    this.#scratch.reset();
    writePiece(this.#scratch, foundLayer, true, value.bytes, value.position, value.end);
    return this.#addPiece(key, bytes);
  }

  #appendToPieces(key: ByteWriter, bytes: ByteWriter): boolean {
    const table = this.#table;
    const scratch = this.#scratch;
    const { value, drainedLayer } = table;
    const { hasBase, lastLayer, lastLengthAt } = lookOver(value);
    const isCurrent = lastLayer === table.layer;
    if (isCurrent && table.extend(key.bytes, key.length, lastLengthAt, bytes.bytes, bytes.length)) return true;
    scratch.reset();
    writeUndrained(value, drainedLayer, scratch);
    if (!hasBase) this.#hasOperands = true;
    if (!isCurrent) return this.#addPiece(key, bytes);
    const lastBytes = value.remaining - lastLengthAt - 4;
    scratch.patchU32(scratch.length - lastBytes - 4, lastBytes + bytes.length);
    scratch.raw(bytes.bytes, 0, bytes.length);
    return this.#trySet(key, listKind, scratch.bytes, 0, scratch.length);
  }

  /** Writes the scratch and behind it the bytes as a piece of the current layer. */
  #addPiece(key: ByteWriter, bytes: ByteWriter): boolean {
    writePiece(this.#scratch, this.#table.layer, false, bytes.bytes, 0, bytes.length);
    return this.#trySet(key, listKind, this.#scratch.bytes, 0, this.#scratch.length);
  }

  #set(key: ByteWriter, kind: EntryKind, value: Uint8Array, start: number, end: number): void {
    while (!this.#trySet(key, kind, value, start, end)) this.#makeSpace();
  }

  /** False where only a drain can make room; nothing was written then. */
  #trySet(key: ByteWriter, kind: EntryKind, value: Uint8Array, start: number, end: number): boolean {
    const table = this.#table;
    if (table.put(key.bytes, key.length, kind, table.layer, value, start, end) === full) return false;
    if (!table.isNew) return true;
    this.#written.add(key.bytes, key.length);
    if (table.dirtyBytes > this.#paceBytes) this.#keepPace(table.dirtyBytes);
    return true;
  }

  #keepPace(dirtyBytes: number): void {
    const queue = this.#queue;
    const pacedBytes = this.#spillBytes * (1 - unpacedPart);
    this.#paceBytes = dirtyBytes + pacedBytes / paceSteps;
    const part = 1 - (this.#spillBytes - dirtyBytes) / pacedBytes;
    const isAhead = queue.isBehind;
    if (isAhead) queue.pace(part < 1 ? Math.ceil(part * longestPauseMs) : longestWaitMs);
    // Drains follow each other closely while the writer has to be held back.
    const isDue = part > 1 || (isAhead && !queue.isBehind);
    if (isDue && queue.hasSlot) this.#spill();
  }

  #spill(): void {
    this.#spills += 1;
    void this.freeze();
  }

  /** The table is full of what is not in the store yet: waits for a drain, or for it to have copied what may not be written. */
  #makeSpace(): void {
    if (this.#queue.waitForCollected()) return;
    for (const [cursor, drainedLayer] of this.#cursors) {
      if (drainedLayer < 0) continue;
      cursor.detach();
      this.#table.unpin(drainedLayer);
      this.#cursors.set(cursor, -1);
    }
    if (this.#queue.hasSlot && this.#table.dirtyBytes > 0) this.#spill();
    if (this.#queue.wait() || this.#table.reset()) return;
    const cause = this.#queue.failure;
    throw new StateError(
      "NO_MEMORY",
      "the write-back table is full and could not be drained into RocksDB; raise memoryBudgetBytes, or see the cause",
      { ...(cause === undefined ? {} : { cause }), details: { sizeBytes: this.#table.sizeBytes } },
    );
  }
}
