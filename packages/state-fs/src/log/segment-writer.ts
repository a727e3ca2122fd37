import { isStateError, StateError } from "@tidemark/core/state";
import type { FileSystem, WritableFile } from "@tidemark/core/storage";

/** Writes the segments of one log, one after the other. After a failure nothing is written any more, and never tried again (rule 25). */
export interface SegmentWriter {
  /** Bytes handed over that are not in a file yet. */
  readonly pendingBytes: number;
  /** Begins a segment; the one before was closed. */
  open(directory: string, name: string, header: Uint8Array): void;
  /** Appends to the segment; the array is the writer's from now on. */
  write(bytes: Uint8Array): void;
  /** Ends the segment: its contents are on the disk before the next one is created. */
  close(): void;
  /** Resolves when all that was handed over is on the disk; rejects after a failure. */
  sync(): Promise<void>;
  /** Drops what is not written and closes the file; syncs that wait are rejected with `reason`. */
  abandon(reason: StateError): Promise<void>;
}

type Step =
  | { readonly kind: "open"; readonly directory: string; readonly name: string; readonly header: Uint8Array }
  | { readonly kind: "write"; readonly bytes: Uint8Array }
  | { readonly kind: "close" }
  | { readonly kind: "sync"; readonly resolve: () => void; readonly reject: (error: StateError) => void };

interface OpenSegment {
  readonly file: WritableFile;
  readonly directory: string;
  /** The name of a new file survives a crash only once its directory is synced. */
  isNamed: boolean;
  isDirty: boolean;
}

/**
 * Writes in the background, in the order of the calls. Syncs that wait at the same time are done as one (group commit).
 */
export class BackgroundSegmentWriter implements SegmentWriter {
  readonly #fileSystem: FileSystem;
  readonly #onFailure: (error: StateError) => void;
  #steps: Step[] = [];
  #segment: OpenSegment | undefined;
  #working: Promise<void> | undefined;
  #isWorking = false;
  #failure: StateError | undefined;
  #pendingBytes = 0;

  constructor(fileSystem: FileSystem, onFailure: (error: StateError) => void) {
    this.#fileSystem = fileSystem;
    this.#onFailure = onFailure;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  open(directory: string, name: string, header: Uint8Array): void {
    this.#add({ kind: "open", directory, name, header });
  }

  write(bytes: Uint8Array): void {
    this.#pendingBytes += bytes.length;
    this.#add({ kind: "write", bytes });
  }

  close(): void {
    this.#add({ kind: "close" });
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => this.#add({ kind: "sync", resolve, reject }));
  }

  async abandon(reason: StateError): Promise<void> {
    this.#stop(reason);
    await this.#working;
    const segment = this.#segment;
    this.#segment = undefined;
    await segment?.file.close().catch(() => undefined);
  }

  #add(step: Step): void {
    if (this.#failure !== undefined) {
      if (step.kind === "sync") step.reject(this.#failure);
      return;
    }
    this.#steps.push(step);
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#working = this.#work();
  }

  #stop(failure: StateError): void {
    this.#failure ??= failure;
    const steps = this.#steps;
    this.#steps = [];
    this.#pendingBytes = 0;
    for (const step of steps) if (step.kind === "sync") step.reject(this.#failure);
  }

  async #work(): Promise<void> {
    // The caller goes on first: what it hands over in this turn is written together.
    await Promise.resolve();
    try {
      while (this.#steps.length > 0) await this.#next(this.#steps[0] as Step);
    } catch (error) {
      const text = `the change log cannot be written: ${String(error)}`;
      const failure = isStateError(error) ? error : new StateError("IO", text, { cause: error });
      this.#stop(failure);
      this.#onFailure(failure);
    }
    // In the same turn that found no more steps: the next one added starts the work again.
    this.#isWorking = false;
  }

  async #next(step: Step): Promise<void> {
    switch (step.kind) {
      case "open":
        await this.#open(step);
        this.#steps.shift();
        return;
      case "close":
        await this.#syncSegment();
        await this.#segment?.file.close();
        this.#segment = undefined;
        this.#steps.shift();
        return;
      case "write":
      case "sync":
        await this.#writeAndSync();
    }
  }

  async #open({ directory, name, header }: Step & { readonly kind: "open" }): Promise<void> {
    const file = await this.#fileSystem.createFile(`${directory}/${name}`);
    this.#segment = { file, directory, isNamed: false, isDirty: true };
    await file.write(header);
  }

  /** Takes all writes and syncs up to the next open or close. */
  async #writeAndSync(): Promise<void> {
    const end = this.#steps.findIndex((step) => step.kind === "open" || step.kind === "close");
    const taken = end < 0 ? this.#steps.length : end;
    const chunks: Uint8Array[] = [];
    let wantsSync = false;
    for (let index = 0; index < taken; index += 1) {
      const step = this.#steps[index] as Step;
      if (step.kind === "write") chunks.push(step.bytes);
      else wantsSync = true;
    }
    const segment = this.#segment;
    if (chunks.length > 0 && segment !== undefined) {
      const bytes = chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
      segment.isDirty = true;
      await segment.file.write(bytes);
      this.#pendingBytes = Math.max(0, this.#pendingBytes - bytes.length);
    }
    if (wantsSync) await this.#syncSegment();
    // A writer abandoned meanwhile has no steps any more and has answered for them.
    for (const step of this.#steps.splice(0, this.#failure === undefined ? taken : 0)) if (step.kind === "sync") step.resolve();
  }

  async #syncSegment(): Promise<void> {
    const segment = this.#segment;
    if (segment === undefined) return;
    if (segment.isDirty) await segment.file.sync();
    segment.isDirty = false;
    if (!segment.isNamed) await this.#fileSystem.syncDirectory(segment.directory);
    segment.isNamed = true;
  }
}
