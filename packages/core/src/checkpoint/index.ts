export type { RestoredFacts } from "./background-verification.js";
export { CheckpointCoordinator, type TriggerOptions } from "./checkpoint-coordinator.js";
export { checkpointSettings, type CheckpointConfig, type CheckpointSettings } from "./checkpoint-config.js";
export type { CheckpointFailure, CheckpointListener, CheckpointReport, DamageReport } from "./checkpoint-events.js";
export { describeCompleted, formatBytes } from "./describe-checkpoint.js";
export type { Logger } from "./logger.js";
export type { CheckpointParticipant, JobSnapshot } from "./participant.js";
