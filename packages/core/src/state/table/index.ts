export { Directory } from "./directory.js";
export { FrozenTable, type TableEntry } from "./frozen-table.js";
export type { KeyHash } from "./key-positions.js";
export { StateTable, type StateTableOptions } from "./state-table.js";
export type { TableCollectionOptions } from "./table-collection.js";
export { TableMapState } from "./table-map-state.js";
export { TableListState } from "./table-list-state.js";
export { TableValueState, type TableStateOptions } from "./table-value-state.js";
