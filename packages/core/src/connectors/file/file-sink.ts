import { basename, dirname } from "node:path";
import { StateError } from "../../errors/index.js";
import type { Sink, SinkWriter } from "../../operators/sink.js";
import type { FileSystem, Json } from "../../storage/index.js";
import { requireSingleSubtask } from "../single-subtask.js";
import { AppendQueue } from "./append-queue.js";
import { OutputLines } from "./output-lines.js";
import { findOutput, markFromJson } from "./restore-output.js";

export interface FileSinkOptions<T> {
  /** The file that appears, complete, when the job is finished; one that is there already is replaced then. */
  readonly path: string;
  /** The line for a value, without a line end. */
  readonly format: (value: T) => string;
}

/**
 * Writes one line a value to a file, each exactly once. While the job runs, lines go to `<path>.inprogress`; a checkpoint holds that
 * file's length and SHA-256, a restore cuts it back to them, and the end of the job renames it to `path`.
 * Throws DIRECTORY_NOT_WRITABLE, NO_SPACE, and on a restore CHECKPOINT_FILE_MISSING or CHECKPOINT_FILE_DAMAGED.
 */
export function fileSink<T>(options: FileSinkOptions<T>): Sink<T> {
  const { path } = options;
  const description = `file ${basename(path)}`;
  return {
    description,
    rollsBack: true,
    open: async (context, restored) => {
      requireSingleSubtask(context, description);
      const { fileSystem } = context;
      if ((await fileSystem.stat(path))?.kind === "directory") {
        throw new StateError("INVALID_CONFIGURATION", `The output ${path} is a directory; name a file in it`);
      }
      const mark = restored === undefined ? undefined : markFromJson(restored, path);
      return mark === undefined || mark.lengthBytes === 0 ? startOutput(fileSystem, options) : continueOutput(fileSystem, options, mark);
    },
  };
}

const drainAboveBytes = 1_048_576;

function unfinishedPathOf(path: string): string {
  return `${path}.inprogress`;
}

async function startOutput<T>(fileSystem: FileSystem, options: FileSinkOptions<T>): Promise<SinkWriter<T>> {
  const unfinishedPath = unfinishedPathOf(options.path);
  await makeDurableDirectory(fileSystem, dirname(options.path));
  await fileSystem.removeFile(unfinishedPath);
  const file = await fileSystem.createFile(unfinishedPath);
  await file.close();
  await fileSystem.syncDirectory(dirname(options.path));
  const queue = new AppendQueue((lengthBytes) => fileSystem.openForAppend(unfinishedPath, lengthBytes), 0);
  return new FileWriter({ ...options, fileSystem, queue, lines: new OutputLines(), isPublished: false });
}

async function continueOutput<T>(
  fileSystem: FileSystem,
  options: FileSinkOptions<T>,
  mark: ReturnType<typeof markFromJson>,
): Promise<SinkWriter<T>> {
  const { path } = options;
  const unfinishedPath = unfinishedPathOf(path);
  const found = await findOutput(fileSystem, mark, unfinishedPath, path);
  // An unfinished file that does not hold the mark is a copy that a crash broke off.
  if (found.holder === "published") await fileSystem.removeFile(unfinishedPath);
  const queue = new AppendQueue(async (lengthBytes) => {
    if ((await fileSystem.stat(unfinishedPath)) === undefined) {
      await fileSystem.copyFile(path, unfinishedPath);
      await fileSystem.syncDirectory(dirname(path));
    }
    return fileSystem.openForAppend(unfinishedPath, lengthBytes);
  }, mark.lengthBytes);
  const isPublished = found.holder === "published" && found.endsAtMark;
  return new FileWriter({ ...options, fileSystem, queue, lines: new OutputLines(found.hash, mark.lengthBytes), isPublished });
}

interface FileWriterOptions<T> extends FileSinkOptions<T> {
  readonly fileSystem: FileSystem;
  readonly queue: AppendQueue;
  readonly lines: OutputLines;
  /** Whether `path` holds exactly what was written so far. */
  readonly isPublished: boolean;
}

class FileWriter<T> implements SinkWriter<T> {
  readonly #options: FileWriterOptions<T>;
  #isPublished: boolean;
  #isRenamed = false;
  #isClosed = false;
  #last: Promise<void> = Promise.resolve();

  constructor(options: FileWriterOptions<T>) {
    this.#options = options;
    this.#isPublished = options.isPublished;
  }

  write(value: T): void {
    const { path, format, lines, queue } = this.#options;
    if (this.#isClosed || this.#isRenamed) throw new StateError("DISPOSED", `the output ${path} was written to after its end`);
    let line: string;
    try {
      line = format(value);
    } catch (cause) {
      throw new StateError("USER_FUNCTION", `\`format\` of the file sink of ${path} failed: ${String(cause)}`, { cause });
    }
    if (typeof line !== "string") throw new StateError("INVALID_ARGUMENT", `\`format\` of the file sink of ${path} gave no text`);
    if (line.includes("\n")) {
      throw new StateError(
        "INVALID_ARGUMENT",
        `\`format\` of the file sink of ${path} gave a line with a line end in it: ${JSON.stringify(line.slice(0, 80))}`,
      );
    }
    this.#isPublished = false;
    const chunk = lines.add(line);
    if (chunk !== undefined) queue.push(chunk);
  }

  drain(): Promise<void> | undefined {
    const { queue } = this.#options;
    return queue.pendingBytes > drainAboveBytes ? queue.flush() : undefined;
  }

  async snapshot(): Promise<Json> {
    this.#cut();
    // Before the first await: lines written from now on belong to the next checkpoint.
    const mark = this.#options.lines.mark();
    await this.#inOrder(async () => {
      if (!this.#isPublished && !this.#isRenamed) await this.#options.queue.sync();
    });
    return { ...mark };
  }

  async notifyCheckpointComplete(): Promise<void> {}

  finish(): Promise<void> {
    return this.#inOrder(() => this.#publish());
  }

  async #publish(): Promise<void> {
    const { fileSystem, path, queue } = this.#options;
    if (!this.#isPublished && !this.#isRenamed) {
      this.#cut();
      await queue.sync();
      await queue.close();
      await fileSystem.rename(unfinishedPathOf(path), path);
      this.#isRenamed = true;
    }
    await fileSystem.syncDirectory(dirname(path));
    this.#isPublished = true;
  }

  /** A checkpoint may be taken while the result is published: neither may find the file half way through the other. */
  #inOrder(action: () => Promise<void>): Promise<void> {
    const result = this.#last.then(action);
    this.#last = result.catch(() => {});
    return result;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#last;
    await this.#options.queue.close();
  }

  #cut(): void {
    const chunk = this.#options.lines.cut();
    if (chunk !== undefined) this.#options.queue.push(chunk);
  }
}

/** Creates a directory with its missing parents so that a crash cannot take it away again. */
async function makeDurableDirectory(fileSystem: FileSystem, path: string): Promise<void> {
  if ((await fileSystem.stat(path)) !== undefined) return;
  const parent = dirname(path);
  if (parent !== path) await makeDurableDirectory(fileSystem, parent);
  await fileSystem.makeDirectory(path);
  await fileSystem.syncDirectory(parent);
}
