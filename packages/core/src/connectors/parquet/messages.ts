import type { ErrorCode } from "../../errors/index.js";
import type { ColumnData, ColumnRequest } from "./columns.js";

/** What the record thread asks of the decoder thread. One open or decode request is under way at a time. */
export type DecoderRequest =
  | { readonly type: "open"; readonly path: string; readonly sizeBytes: number; readonly columns: readonly ColumnRequest[] }
  | { readonly type: "decode"; readonly rowGroup: number }
  | { readonly type: "bytes"; readonly id: number; readonly bytes: ArrayBuffer };

/** What the decoder thread answers; "read" asks for bytes of the file, so that only the record thread's FileSystem is used. */
export type DecoderReply =
  | { readonly type: "opened"; readonly file: ParquetFileSummary }
  | { readonly type: "decoded"; readonly rowGroup: number; readonly columns: readonly ColumnData[] }
  | { readonly type: "read"; readonly id: number; readonly offset: number; readonly length: number }
  | { readonly type: "failed"; readonly code: ErrorCode; readonly message: string };

export interface ParquetFileSummary {
  /** Rows of each row group. */
  readonly rowGroups: readonly number[];
  /** CRC-32 of the footer, hex: tells a replaced file from the one a checkpoint was taken on. */
  readonly footerCrc32: string;
}
