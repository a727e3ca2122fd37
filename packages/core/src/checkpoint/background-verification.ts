import { isStateError, StateError } from "../errors/index.js";
import type { CheckpointLease, FileReference, OperatorState } from "../storage/index.js";
import type { Clock } from "../time/index.js";
import type { DamageReport } from "./checkpoint-events.js";
import { FileCheck } from "./file-check.js";
import type { Logger } from "./logger.js";

/** What a job was restored from, as far as its coordinator needs to know. */
export interface RestoredFacts {
  /** The checkpoint, if it is one of this job's own: sinks are told of it once more. */
  readonly ownCheckpoint: number | undefined;
  /** Files of which only the size was checked so far. */
  readonly unverified: readonly FileReference[];
  /** Chains that the restored state goes on. */
  readonly chains: readonly string[];
}

export interface BackgroundVerificationParts {
  readonly lease: Pick<CheckpointLease, "verifyFile" | "chainVerified" | "markSuspect" | "clearSuspect">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly bytesPerSecond: number;
  readonly restored: RestoredFacts | undefined;
  readonly onDamage: (report: DamageReport) => void;
  /** The base of a chain did not read back: true when state goes on from a new one by itself. */
  readonly onDamagedChain: (chain: string) => boolean;
  /** The job must end: what it was restored from, or the base of its checkpoints, is damaged. */
  readonly fail: (error: StateError) => void;
}

/** Reads back, while the job runs, what a restore only linked and what new chains begin with. */
export class BackgroundVerification {
  readonly #parts: BackgroundVerificationParts;
  readonly #check: FileCheck;
  /** Chains that were or are being read. */
  readonly #seenChains = new Set<string>();
  #isStopped = false;

  constructor(parts: BackgroundVerificationParts) {
    this.#parts = parts;
    this.#check = new FileCheck(parts);
  }

  /** Resolves when all that the job was restored from is whole; rejects with what is not, or DISPOSED after stop(). */
  async restoredFiles(): Promise<void> {
    const { restored, lease } = this.#parts;
    if (restored === undefined) return;
    for (const chain of restored.chains) this.#seenChains.add(chain);
    try {
      if (restored.unverified.length > 0) await this.#check.check(restored.unverified);
    } catch (error) {
      if (!this.#isStopped) await this.#restoreDamaged(error, restored);
      throw error;
    }
    for (const chain of restored.chains) lease.chainVerified(chain);
  }

  /** Reads the bases of chains that begin with this checkpoint. */
  newBases(checkpoint: number, operators: readonly OperatorState[], files: readonly FileReference[]): void {
    const byName = new Map(files.map((file) => [file.name, file]));
    for (const { keyed } of operators.flatMap(({ subtasks }) => subtasks)) {
      const chain = keyed?.chain;
      if (chain === undefined || this.#seenChains.has(chain.id)) continue;
      this.#seenChains.add(chain.id);
      const base = chain.base.flatMap((name) => byName.get(name) ?? []);
      this.#check.check(base).then(
        () => this.#parts.lease.chainVerified(chain.id),
        (error: unknown) => this.#baseDamaged(checkpoint, chain.id, base, error),
      );
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#check.close();
  }

  async #restoreDamaged(error: unknown, { unverified, ownCheckpoint }: RestoredFacts): Promise<void> {
    const damage = await this.#report(ownCheckpoint, unverified, error);
    this.#parts.fail(
      new StateError(
        damage.code,
        `${damage.message}. The job was restored from it and stopped; nothing was committed since. ` +
          'To go on from an older checkpoint, start it with restore: { onDamaged: "fall-back", verify: "checksums" }',
        { cause: damage, details: damage.details },
      ),
    );
  }

  async #baseDamaged(checkpoint: number, chain: string, base: readonly FileReference[], error: unknown): Promise<void> {
    if (this.#isStopped) return;
    const damage = await this.#report(checkpoint, base, error);
    if (this.#parts.onDamagedChain(chain)) return;
    this.#parts.fail(
      new StateError(
        damage.code,
        `${damage.message}. All checkpoints from ${checkpoint} on need it; the chain before was kept. ` +
          'To go on from there, start the job with restore: { onDamaged: "fall-back" }',
        { cause: damage, details: damage.details },
      ),
    );
  }

  async #report(checkpoint: number | undefined, files: readonly FileReference[], error: unknown): Promise<StateError> {
    const { lease, logger, onDamage } = this.#parts;
    const damage = isStateError(error) ? error : new StateError("IO", "a file of a checkpoint could not be read back", { cause: error });
    const file = files.find(({ name }) => name === damage.details["name"]);
    if (file !== undefined) {
      await lease.markSuspect(file).catch((failure: unknown) => {
        logger.warn({ file: file.name, error: failure }, "a damaged file could not be marked; the next restore finds it by checksums only");
      });
    }
    logger.error({ checkpoint, file: file?.name, code: damage.code, error: damage }, damage.message);
    onDamage({ checkpoint, file: file?.name, error: damage });
    return damage;
  }
}
