import { yieldTurn } from "../../time/index.js";
import { crc32 } from "node:zlib";
import { StateError } from "../../errors/index.js";
import type { SnapshotFiles } from "../../storage/index.js";
import type { KeyedStateBackend, KeyedStateContext, KeyedStateResult, KeyedStateSnapshot } from "../backend.js";
import { EntryFileWriter } from "../entries/entry-file-writer.js";
import { ByteWriter } from "../serializers/index.js";
import { KeyOrder } from "./key-order.js";
import { describeKeyed } from "./keyed-description.js";
import { headerMaxBytes, isShallow, savepointBackend, type SavepointHeader, savepointMagic, savepointVersion } from "./savepoint-format.js";
import type { StateExport } from "./state-export.js";

/** Steps of an export before other work gets a turn: about half a millisecond. */
const stepsPerTurn = 512;

/** Whose savepoint is written: what the backend was opened with. */
export type SavepointContext<K> = Pick<KeyedStateContext<K>, "operator" | "subtask" | "keySerializer" | "keyGroups" | "maxParallelism">;

/**
 * Writes the contents of a backend at the call as a savepoint file, which every backend restores. Records may flow while `result` is
 * pending; memory is bounded. `checkpointId` is part of the file's name. The handle names "savepoint" as its backend. Throws DISPOSED, and
 * CHECKPOINT_DECLINED while the backend cannot fix its contents; `result` rejects like KeyedStateBackend.snapshot's.
 */
export function writeSavepoint<K>(
  backend: KeyedStateBackend<K>,
  context: SavepointContext<K>,
  checkpointId: number,
  files: SnapshotFiles,
  signal: AbortSignal,
): KeyedStateSnapshot {
  const exported = backend.exportEntries();
  const result = write(exported, context, checkpointId, files, signal).finally(() => exported.close());
  result.catch(() => undefined);
  return { result };
}

async function write<K>(
  exported: StateExport,
  context: SavepointContext<K>,
  checkpointId: number,
  files: SnapshotFiles,
  signal: AbortSignal,
): Promise<KeyedStateResult> {
  const keyGroups = [context.keyGroups.first, context.keyGroups.last] as const;
  const described = describeKeyed(context, exported.states);
  const header = headerBytes({ operator: context.operator, subtask: context.subtask, keyGroups, ...described });
  const name = `${files.generation}-${context.operator}-${context.subtask}-${checkpointId}.savepoint`;
  const file = await files.writeFile(name, encode(header, exported, signal), signal);
  // The file says everything itself, so that it can be read without a manifest.
  return { handle: { backend: savepointBackend, keyGroups, files: [name], description: {} }, files: [file] };
}

function headerBytes(header: SavepointHeader): Uint8Array {
  const text = JSON.stringify(header);
  const json = Buffer.from(text, "utf8");
  if (json.length > headerMaxBytes || !isShallow(text)) {
    throw new StateError("INVALID_ARGUMENT", `the types of operator "${header.operator}" are too large to describe; use simpler ones`);
  }
  const out = new ByteWriter({ maxBytes: headerMaxBytes + 64 });
  out.raw(savepointMagic);
  out.u32(savepointVersion);
  out.u32(json.length);
  out.u32(crc32(json, crc32(out.bytes.subarray(savepointMagic.length, out.length))));
  out.raw(json);
  return out.copy();
}

async function* encode(header: Uint8Array, exported: StateExport, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const writer = new EntryFileWriter();
  const order = new KeyOrder();
  yield header;
  yield EntryFileWriter.header();
  let untilTurn = stepsPerTurn;
  const steps = exported.entries((key, value) => {
    if (!order.isNext(key)) throw new StateError("INTERNAL", "a backend exported its entries out of order");
    writer.addRemaining(key, value);
  });
  for (const _ of steps) {
    if (writer.isBlockFull) {
      const block = writer.takeBlock();
      if (block !== undefined) yield block;
    }
    untilTurn -= 1;
    if (untilTurn > 0) continue;
    untilTurn = stepsPerTurn;
    await yieldTurn();
    signal.throwIfAborted();
  }
  const last = writer.takeBlock();
  if (last !== undefined) yield last;
  yield writer.end();
}
