import { ByteWriter, type EntryChanges, isStateError, StateError } from "@tidemark/core/state";
import type { Json } from "@tidemark/core/storage";
import { encodeHeader, encodeStates, operations, type SegmentHeader, writeRecord } from "./segment-format.js";
import type { SegmentWriter } from "./segment-writer.js";

/**
 * When changes are on the disk: with checkpoints only; when commit() resolves; or when the call that made them returns.
 */
export type Durability = "checkpoint" | "batch" | "every-write";

/** Bytes collected before they are handed to the writer. */
const chunkBytes = 256 * 1024;

/** A segment that gets no more records. */
export interface ClosedSegment {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly name: string;
  readonly sizeBytes: number;
}

export interface ChangeLogOptions {
  readonly directory: string;
  readonly durability: Durability;
  readonly segmentBytes: number;
  /** Most that may wait to be written. */
  readonly pendingBytesMax: number;
  /** `onFailure` is called when the writer fails by itself. */
  readonly createWriter: (onFailure: (error: StateError) => void) => SegmentWriter;
  /** The header of a segment that begins with `firstSeq`. */
  readonly header: (firstSeq: number) => SegmentHeader;
  /** Number of the last change that the log builds on. */
  readonly lastSeq: number;
  /** Closed segments that are there already and end with lastSeq. */
  readonly segments: readonly ClosedSegment[];
  /** First number that no file in the directory has in its name. */
  readonly nextNumber: number;
  /** A durable log cannot be written any more. */
  readonly onFailure: (error: StateError) => void;
}

/**
 * The log of all changes, as results (rule 25), in numbered records over a row of segments. A log that is scratch ("checkpoint") never
 * stops the job: where it cannot be written or too much waits, it counts changes without keeping them until restart(), and says so.
 */
export class ChangeLog implements EntryChanges {
  readonly #options: ChangeLogOptions;
  readonly #isScratch: boolean;
  readonly #buffer = new ByteWriter({ initialBytes: chunkBytes, maxBytes: 0x7fff_ffff });
  #writer: SegmentWriter;
  #closed: ClosedSegment[] = [];
  #closedBytes = 0;
  /** Segments from before a loss: of no use any more. */
  #stale: ClosedSegment[] = [];
  #finishing: Promise<unknown> = Promise.resolve();
  #seq: number;
  #number: number;
  #active: { firstSeq: number; name: string; sizeBytes: number };
  #hasUncommitted = false;
  #failure: StateError | undefined;
  #isLost = false;

  constructor(options: ChangeLogOptions) {
    this.#options = options;
    this.#isScratch = options.durability === "checkpoint";
    this.#seq = options.lastSeq;
    this.#keep(options.segments);
    this.#number = options.nextNumber;
    this.#writer = this.#createWriter();
    this.#active = this.#open();
  }

  /** Number of the last change. */
  get lastSeq(): number {
    return this.#seq;
  }

  /** True once changes were not kept: what the log has says nothing any more. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Bytes of all segments. */
  get sizeBytes(): number {
    return this.#closedBytes + this.#active.sizeBytes;
  }

  get segmentCount(): number {
    return this.#closed.length + 1;
  }

  get segments(): readonly ClosedSegment[] {
    return this.#closed;
  }

  put(key: ByteWriter, value: ByteWriter): void {
    this.#change(operations.put, key, value);
  }

  append(key: ByteWriter, elements: ByteWriter): void {
    this.#change(operations.append, key, elements);
  }

  delete(key: ByteWriter): void {
    this.#change(operations.delete, key);
  }

  deleteAll(keys: Iterable<ByteWriter>): void {
    this.#requireRoom();
    for (const key of keys) this.#record(operations.delete, key);
    this.#finishChange();
  }

  /** Notes the table of states, before the first change of a new one. */
  states(states: Json): void {
    this.#change(operations.states, undefined, encodeStates(states));
  }

  /** Resolves when every change before the call is on the disk and will be there after a crash. */
  async commit(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#markCommitted();
    this.#handOver();
    await this.#writer.sync();
  }

  /** Ends the segment, unless it is empty, and returns the number of its last change. Commits. */
  cut(): number {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isLost) return this.#seq;
    this.#markCommitted();
    if (this.#seq >= this.#active.firstSeq) this.#rotate();
    return this.#seq;
  }

  /** Resolves when all closed segments are on the disk. */
  closed(): Promise<void> {
    return this.#writer.sync();
  }

  /** Begins anew after a loss; changes up to lastSeq must come from elsewhere. */
  restart(): void {
    const before = this.#writer;
    this.#isLost = false;
    this.#writer = this.#createWriter();
    this.#active = this.#open();
    // What was cut before the loss may be part of a checkpoint under way, so it is still written.
    const finished = before.sync().catch(() => undefined).then(() => before.abandon(disposed()));
    this.#finishing = Promise.all([this.#finishing, finished]);
  }

  /** Forgets segments whose changes are all up to `seq`, and returns them. */
  dropUntil(seq: number): ClosedSegment[] {
    const dropped = [...this.#stale, ...this.#closed.filter((segment) => segment.lastSeq <= seq)];
    this.#stale = [];
    this.#keep(this.#closed.filter((segment) => segment.lastSeq > seq));
    return dropped;
  }

  async close(): Promise<void> {
    await this.#writer.abandon(disposed());
    await this.#finishing;
  }

  #change(operation: number, key: ByteWriter | undefined, value?: ByteWriter): void {
    this.#requireRoom();
    this.#record(operation, key, value);
    this.#finishChange();
  }

  #requireRoom(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const { pendingBytesMax } = this.#options;
    if (this.#isLost || this.#writer.pendingBytes + this.#buffer.length < pendingBytesMax) return;
    if (this.#isScratch) {
      this.#lose();
      return;
    }
    throw new StateError(
      "NO_MEMORY",
      `${pendingBytesMax} bytes of changes wait to be written to ${this.#options.directory}; await commit() before making more`,
    );
  }

  #record(operation: number, key: ByteWriter | undefined, value?: ByteWriter): void {
    if (!this.#isLost) {
      if (this.#active.sizeBytes >= this.#options.segmentBytes && this.#seq >= this.#active.firstSeq) this.#rotate();
      const before = this.#buffer.length;
      writeRecord(this.#buffer, this.#seq + 1, operation, key, value);
      this.#active.sizeBytes += this.#buffer.length - before;
    }
    this.#seq += 1;
    this.#hasUncommitted = operation !== operations.commit;
  }

  #finishChange(): void {
    if (this.#options.durability === "every-write") {
      this.#markCommitted();
      this.#handOver();
    } else if (this.#buffer.length >= chunkBytes) this.#handOver();
  }

  #markCommitted(): void {
    if (this.#isScratch || !this.#hasUncommitted) return;
    this.#record(operations.commit, undefined);
  }

  #handOver(): void {
    if (this.#buffer.length === 0) return;
    const bytes = this.#buffer.copy();
    this.#buffer.reset();
    this.#use(() => this.#writer.write(bytes));
  }

  #rotate(): void {
    this.#handOver();
    const { firstSeq, name, sizeBytes } = this.#active;
    this.#use(() => this.#writer.close());
    this.#keep([...this.#closed, { firstSeq, lastSeq: this.#seq, name, sizeBytes }]);
    this.#active = this.#open();
  }

  #open(): { firstSeq: number; name: string; sizeBytes: number } {
    const firstSeq = this.#seq + 1;
    const name = segmentName(firstSeq, this.#number);
    this.#number += 1;
    const header = encodeHeader(this.#options.header(firstSeq));
    this.#use(() => this.#writer.open(this.#options.directory, name, header));
    return { firstSeq, name, sizeBytes: header.length };
  }

  #use(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (isStateError(error)) this.#fail(error);
      throw error;
    }
  }

  #createWriter(): SegmentWriter {
    const writer: SegmentWriter = this.#options.createWriter((error) => {
      if (writer === this.#writer) this.#fail(error);
    });
    return writer;
  }

  #keep(closed: readonly ClosedSegment[]): void {
    this.#closed = [...closed];
    this.#closedBytes = closed.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  }

  #fail(error: StateError): void {
    if (this.#isScratch) {
      this.#lose();
      return;
    }
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#options.onFailure(error);
  }

  #lose(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#stale.push(...this.#closed, { ...this.#active, lastSeq: this.#seq });
    this.#keep([]);
    this.#buffer.reset();
  }
}

function disposed(): StateError {
  return new StateError("DISPOSED", "the fs backend was closed before its log was written");
}

/** "00000000000000000042-7.log": a directory lists segments in their order. */
export function segmentName(firstSeq: number, number: number): string {
  return `${String(firstSeq).padStart(20, "0")}-${number}.log`;
}

/** What a segment's name says, or undefined for a file of another kind. */
export function parseSegmentName(name: string): { readonly firstSeq: number; readonly number: number } | undefined {
  const match = /^(\d{20})-(\d{1,15})\.log$/.exec(name);
  return match === null ? undefined : { firstSeq: Number(match[1]), number: Number(match[2]) };
}
