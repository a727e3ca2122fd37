/**
 * The decoder thread. It touches no file: it asks the record thread for bytes, decodes, and hands typed arrays over.
 */
import { parentPort } from "node:worker_threads";
import type { AsyncBuffer } from "hyparquet";
import { isStateError } from "../../errors/index.js";
import { transferList } from "./columns.js";
import { decodeRowGroup, openParquet, type ParquetFile } from "./decode.js";
import type { DecoderReply, DecoderRequest } from "./messages.js";

const port = parentPort;
if (port === null) throw new Error("parquet-worker runs as a worker thread only");

const waiting = new Map<number, (bytes: ArrayBuffer) => void>();
let nextReadId = 0;
let file: ParquetFile | undefined;

port.on("message", (request: DecoderRequest) => {
  if (request.type === "bytes") {
    waiting.get(request.id)?.(request.bytes);
    waiting.delete(request.id);
    return;
  }
  const answer = request.type === "open" ? open(request.path, request.sizeBytes, request.columns) : decode(request.rowGroup);
  answer.catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    reply({ type: "failed", code: isStateError(error) ? error.code : "INTERNAL", message });
  });
});

function reply(message: DecoderReply, transfer: ArrayBuffer[] = []): void {
  port?.postMessage(message, transfer);
}

async function open(...[path, sizeBytes, columns]: [string, number, Parameters<typeof openParquet>[2]]): Promise<void> {
  file = await openParquet(path, remoteBytes(sizeBytes), columns);
  reply({ type: "opened", file: file.summary });
}

async function decode(rowGroup: number): Promise<void> {
  if (file === undefined) throw new Error("decode before open");
  const columns = await decodeRowGroup(file, rowGroup);
  reply({ type: "decoded", rowGroup, columns }, transferList(columns));
}

function remoteBytes(sizeBytes: number): AsyncBuffer {
  return {
    byteLength: sizeBytes,
    slice(start, end = sizeBytes) {
      if (!(Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end <= sizeBytes)) {
        throw new RangeError(`bytes ${start} to ${end} are outside the file's ${sizeBytes}`);
      }
      if (start === end) return new ArrayBuffer(0);
      const id = nextReadId++;
      return new Promise((resolve) => {
        waiting.set(id, resolve);
        reply({ type: "read", id, offset: start, length: end - start });
      });
    },
  };
}
