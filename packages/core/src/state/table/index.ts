export { FrozenTable, type TableEntry } from "./frozen-table.js";
export type { KeyHash } from "./key-positions.js";
export type { ByteSource } from "./segment-layout.js";
export { StateTable, type StateTableOptions } from "./state-table.js";
export { TableValueState, type TableValueStateOptions } from "./table-value-state.js";
