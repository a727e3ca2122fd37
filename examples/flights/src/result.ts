import type { DelayedRoute } from "./compare.js";

/** quickstart/report.json, and with it what the page and the summary show. */
export interface Report {
  /** Input records; what was replayed after a kill is not counted again. */
  readonly records: number;
  readonly duplicates: number;
  readonly routeDays: number;
  readonly kills: number;
  /** Whether every route-day and the number of duplicates are those of the plain single pass. */
  readonly match: boolean;
  readonly seed: number;
  /** Completed checkpoints of all lives of the job. */
  readonly checkpoints: readonly ReportedCheckpoint[];
}

export interface ReportedCheckpoint {
  readonly id: number;
  readonly newBytes: number;
  readonly totalBytes: number;
  readonly durationMs: number;
}

/** What only the page and the summary show. */
export interface RunDetails {
  readonly backend: string;
  readonly restores: number;
  readonly failedCheckpoints: number;
  readonly mostDelayed: readonly DelayedRoute[];
  /** What differed, when something did. */
  readonly differences: readonly string[];
}
