export { collectionSource } from "./collection-source.js";
export { collectSink } from "./collect-sink.js";
export { consoleSink, type ConsoleSinkOptions } from "./console-sink.js";
export { fileSink, type FileSinkOptions } from "./file/file-sink.js";
export { generatorSource, type GeneratorSourceOptions } from "./generator-source.js";
export type { ParquetColumnKind, ParquetColumns, ParquetColumnType, ParquetRow } from "./parquet/columns.js";
export { parquetSource, type ParquetRecordOptions, type ParquetSourceOptions } from "./parquet/parquet-source.js";
export { textLinesSource, type TextLinesSourceOptions } from "./text-lines-source.js";
