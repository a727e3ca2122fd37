import {
  bytes, ByteWriter, int64, type KeyedStateBackend, keyGroupOf, keyGroupRangeOf, murmur3, type StateBackend, subtaskOf,
  type ValueState, valueState,
} from "@tidemark/core/state";
import {
  type CheckpointLease, directoryCheckpointStorage, type FileReference, type FileSystem, NodeFileSystem,
} from "@tidemark/core/storage";
import { isRecordValue, recordValue } from "../checkpointed-job/record-value.js";
import { WrongResultError } from "../question.js";
import { restoredState } from "../state/restored-state.js";

const maxParallelism = 128;

export interface ParallelSetting {
  readonly backend: StateBackend;
  readonly checkpointDirectory: string;
  readonly keyCount: number;
  readonly valueBytes: number;
}

interface Subtask {
  readonly keyed: KeyedStateBackend<number>;
  readonly values: ValueState<Uint8Array>;
}

/**
 * One operator's keyed state in any number of subtasks with real checkpoints, without a job around it, and a model of what each key must
 * hold. Every open() may have another parallelism.
 */
export class ParallelState {
  readonly #setting: ParallelSetting;
  readonly #fileSystem: FileSystem = new NodeFileSystem();
  readonly #expected: Uint8Array;
  readonly #versions: Uint32Array;
  readonly #key = new ByteWriter();
  #subtasks: readonly Subtask[] = [];
  #lease: CheckpointLease | undefined;
  #nextId = 1;

  constructor(setting: ParallelSetting) {
    this.#setting = setting;
    this.#expected = new Uint8Array(setting.valueBytes);
    this.#versions = new Uint32Array(setting.keyCount);
  }

  /** Opens every subtask at once, from the newest checkpoint if there is one, whose files are checked for their sizes. */
  async open(parallelism: number): Promise<void> {
    const storage = directoryCheckpointStorage({ directory: this.#setting.checkpointDirectory, fileSystem: this.#fileSystem });
    const lease = await storage.acquire("bench");
    const restore = await restoredState(lease);
    this.#lease = lease;
    this.#nextId = lease.highestId + 1;
    const opened = await Promise.allSettled(
      Array.from({ length: parallelism }, (_, subtask) =>
        this.#setting.backend.open<number>({
          job: "bench",
          operator: "values",
          subtask,
          generation: lease.generation,
          keySerializer: int64(),
          keyGroups: keyGroupRangeOf(subtask, parallelism, maxParallelism),
          maxParallelism,
          fileSystem: this.#fileSystem,
          nowMs: () => 0,
          ...(restore === undefined ? {} : { restore }),
        }),
      ),
    );
    this.#subtasks = opened.flatMap((result) =>
      result.status === "rejected"
        ? []
        : [{ keyed: result.value, values: result.value.getState(valueState("value", bytes())) }],
    );
    const failed = opened.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  /** Gives a key its value, or the next one. */
  update(key: number, isNew: boolean): void {
    const version = isNew ? 0 : (this.#versions[key] as number) + 1;
    this.#versions[key] = version;
    this.#at(key).update(recordValue(key, version, this.#setting.valueBytes));
  }

  /** Reads a key and compares. Throws WrongResultError. Returns the subtask that has it. */
  check(key: number): number {
    const version = this.#versions[key] as number;
    if (!isRecordValue(this.#at(key).value(), key, version, this.#expected)) {
      throw new WrongResultError(`key ${key} does not hold its value of version ${version}`);
    }
    return this.#subtaskOf(key);
  }

  /** Reads a key in every subtask, as its first record would. */
  checkFirst(from: number): void {
    const seen = new Set<number>();
    for (let key = from; seen.size < this.#subtasks.length && seen.size < this.#setting.keyCount; key += 1) {
      const wrapped = key % this.#setting.keyCount;
      if (!seen.has(this.#subtaskOf(wrapped))) seen.add(this.check(wrapped));
    }
  }

  /** Takes a checkpoint; bytes of the files it names. */
  async checkpoint(): Promise<number> {
    if (this.#lease === undefined) throw new Error("open() was not called");
    const id = this.#nextId++;
    const pending = await this.#lease.begin(id);
    const signal = new AbortController().signal;
    const started = await Promise.all(this.#subtasks.map(({ keyed }) => keyed.snapshot(id, pending.files, signal)));
    const results = await Promise.all(started.map(({ result }) => result));
    const subtasks = results.map(({ handle }, subtask) => ({ subtask, keyed: handle }));
    const files = new Map<string, FileReference>(results.flatMap((result) => result.files.map((file) => [file.name, file])));
    const operators = [{ id: "values", parallelism: subtasks.length, subtasks }];
    await pending.complete({ kind: "checkpoint", createdAtMs: 0, maxParallelism, records: 0, operators }, [...files.values()]);
    for (const { keyed } of this.#subtasks) keyed.notifyCheckpointComplete(id);
    await this.#lease.subsume(1);
    return [...files.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  async close(): Promise<void> {
    const closing = this.#subtasks;
    this.#subtasks = [];
    for (const { keyed } of closing) await keyed.close();
  }

  #at(key: number): ValueState<Uint8Array> {
    const subtask = this.#subtasks[this.#subtaskOf(key)];
    if (subtask === undefined) throw new Error("open() was not called");
    subtask.keyed.setCurrentKey(key);
    return subtask.values;
  }

  #subtaskOf(key: number): number {
    this.#key.reset();
    int64().writeKey(key, this.#key);
    const keyGroup = keyGroupOf(murmur3(this.#key.bytes, 0, this.#key.length), maxParallelism);
    return subtaskOf(keyGroup, this.#subtasks.length, maxParallelism);
  }
}
