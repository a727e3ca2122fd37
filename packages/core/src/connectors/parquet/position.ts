import { StateError } from "../../errors/index.js";
import type { Json } from "../../storage/index.js";
import type { ParquetFileSummary } from "./messages.js";

/** Where the next row is: `row` counts within its row group; {rowGroup: number of row groups, row: 0} is the end. */
export interface ParquetPosition {
  readonly rowGroup: number;
  readonly row: number;
}

/** As stored in a checkpoint. */
export function positionToJson(position: ParquetPosition, file: ParquetFileSummary): Json {
  return { rowGroup: position.rowGroup, row: position.row, footerCrc32: file.footerCrc32 };
}

/** Throws CHECKPOINT_DAMAGED for JSON that is no position, INPUT_DAMAGED when the file is not the one it was taken on. */
export function positionFromJson(json: Json, path: string, file: ParquetFileSummary): ParquetPosition {
  const fields = typeof json === "object" && json !== null && !Array.isArray(json) ? (json as Readonly<Record<string, Json>>) : {};
  const { rowGroup, row, footerCrc32 } = fields as { rowGroup?: Json; row?: Json; footerCrc32?: Json };
  if (!isCount(rowGroup) || !isCount(row) || typeof footerCrc32 !== "string") {
    throw new StateError(
      "CHECKPOINT_DAMAGED",
      `The stored position of ${path} is not one: ${JSON.stringify(json)}; restore an earlier checkpoint`,
    );
  }
  if (footerCrc32 !== file.footerCrc32) {
    throw new StateError(
      "INPUT_DAMAGED",
      `${path} is not the file this job was reading when its checkpoint was taken; put that file back`,
      {
        details: { path, expected: footerCrc32, found: file.footerCrc32 },
      },
    );
  }
  const rows = file.rowGroups[rowGroup];
  const inside = rows === undefined ? rowGroup === file.rowGroups.length && row === 0 : row < rows || row === 0;
  if (!inside) {
    throw new StateError("CHECKPOINT_DAMAGED", `The stored position of ${path} is outside it: row ${row} of row group ${rowGroup}`, {
      details: { path, rowGroup, row },
    });
  }
  return { rowGroup, row };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
