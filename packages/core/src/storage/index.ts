/** Files and checkpoint storage: the door to files, the checkpoint formats, and checkpoints in a directory. */
export {
  changingOperations, faultAt, FaultyFileSystem, type Fault, type FaultPlan, type FileCall, type FileOperation,
} from "./faulty-file-system.js";
export { errnoOf, isLinkImpossible } from "./file-errors.js";
export type {
  DirectoryEntry, FileStatus, FileSystem, FileSystemCapabilities, GrowingHash, ReadableFile, WritableFile,
} from "./file-system.js";
export type {
  CheckpointLease, CheckpointPin, CheckpointReader, CheckpointStorage, CompletedCheckpoint, ImportedFile, ManifestContent,
  PendingCheckpointFiles, PinOwner, SnapshotFiles, SubsumeReport,
} from "./checkpoint-storage.js";
export { directoryCheckpointStorage, type DirectoryCheckpointStorageOptions } from "./directory-checkpoint-storage.js";
export { chainsOf } from "./chain-retention.js";
export type {
  BaseListName, CheckpointManifest, FileChain, FileReference, Json, KeyedStateHandle, OperatorState, OperatorStateIds, SubtaskState,
} from "./manifest.js";
export { decodeManifest, encodeManifest, manifestFormat } from "./manifest-codec.js";
export { planGarbage, sweepGarbage, type GarbageItem, type GarbagePlan, type GarbageSweep } from "./garbage-sweep.js";
export type { GarbageReason, GarbageVerdict } from "./garbage-plan.js";
export { surveyJob, type CheckpointStanding, type JobPlace, type JobSurvey, type SurveyedCheckpoint } from "./job-survey.js";
export { MemoryFileSystem, type CrashOptions, type MemoryFileSystemOptions } from "./memory-file-system.js";
export { isSafeName } from "./names.js";
export { NodeFileSystem } from "./node-file-system.js";
export { NodeSyncFileSystem } from "./node-sync-file-system.js";
export type { SyncFileSystem, SyncWritableFile } from "./sync-file-system.js";
