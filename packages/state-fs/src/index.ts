export { fsBackend, type FsBackendOptions, type FsStateBackend } from "./fs-backend.js";
export type { FsKeyedStateBackend } from "./fs-keyed-state-backend.js";
export type { MaterialiseOptions } from "./fs-snapshots.js";
export type { Durability } from "./log/change-log.js";
