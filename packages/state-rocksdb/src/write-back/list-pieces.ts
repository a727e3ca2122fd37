import type { ByteReader, ByteWriter } from "@tidemark/core/state";
import { baseFlag, pieceHeaderBytes } from "./entry-format.js";

/**
 * The value of a list entry: what was appended in each layer that is not drained yet, and before it the base (the whole list below
 * these layers) where the table knows it. Without the base a drain writes the piece of its layer as a merge operand.
 */
export interface Pieces {
  readonly hasBase: boolean;
  /** Where, from the start of the value, the length of the last piece is stored. */
  readonly lastLengthAt: number;
  readonly lastLayer: number;
}

/** Looks over the pieces a reader stands at; the reader is not moved. */
export function lookOver(value: ByteReader): Pieces {
  const { view, position, end } = value;
  const hasBase = position < end && view.getUint32(position + 4, true) >= baseFlag;
  let lastLengthAt = 0;
  let lastLayer = 0;
  for (let at = position; at < end; ) {
    lastLengthAt = at + 4 - position;
    lastLayer = view.getUint32(at, true);
    at += pieceHeaderBytes + (view.getUint32(at + 4, true) & ~baseFlag);
  }
  return { hasBase, lastLengthAt, lastLayer };
}

/** Writes a piece. */
export function writePiece(output: ByteWriter, layer: number, isBase: boolean, bytes: Uint8Array, start: number, end: number): void {
  output.u32(layer);
  output.u32(isBase ? (end - start + baseFlag) >>> 0 : end - start);
  output.raw(bytes, start, end);
}

/**
 * Writes the pieces again without what a drain made superfluous: drained pieces become part of the base where there is one, and are
 * left out where there is none.
 */
export function writeUndrained(value: ByteReader, drainedLayer: number, output: ByteWriter): void {
  const { bytes, view, position, end } = value;
  let baseLengthAt = -1;
  for (let at = position; at < end; ) {
    const layer = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    const start = at + pieceHeaderBytes;
    at = start + (length & ~baseFlag);
    if (length >= baseFlag) {
      baseLengthAt = output.length + 4;
      writePiece(output, layer, true, bytes, start, at);
    } else if (layer > drainedLayer) {
      writePiece(output, layer, false, bytes, start, at);
    } else if (baseLengthAt >= 0) {
      output.raw(bytes, start, at);
      output.patchU32(baseLengthAt, output.view.getUint32(baseLengthAt, true) + at - start);
    }
  }
}

/** Writes the bytes of the pieces one after the other; without a base only those of layers above `drainedLayer`. */
export function writeJoined(value: ByteReader, drainedLayer: number, output: ByteWriter): void {
  const { bytes, view, position, end } = value;
  let hasBase = false;
  for (let at = position; at < end; ) {
    const layer = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    const start = at + pieceHeaderBytes;
    at = start + (length & ~baseFlag);
    hasBase ||= length >= baseFlag;
    if (hasBase || layer > drainedLayer) output.raw(bytes, start, at);
  }
}
