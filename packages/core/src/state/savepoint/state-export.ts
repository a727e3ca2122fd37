import type { Json } from "../../storage/index.js";
import type { EntryConsumer } from "../entries/entry-file-reader.js";

/**
 * All entries of a backend as they were at one moment, in the order of their stored keys. The backend goes on working meanwhile; close
 * it, because it keeps old contents alive.
 */
export interface StateExport {
  /** Which state has which id, as StateRegistry.describe() gave it at that moment. */
  readonly states: Json;
  /**
   * Visits every entry, one or none with each step, so that the caller can pause between them. To be called once. A step throws DISPOSED
   * after close() and after the backend was closed.
   */
  entries(visit: EntryConsumer): Iterable<void>;
  /** Safe to call twice. */
  close(): void;
}
