import { sleep } from '@cert-tasks/kernel';
import type { LoopOutcome } from '@cert-tasks/lifecycle';
import type { LogObserver } from '../../application/ports/log-observer.ts';
import type { WriteRight } from '../../application/ports/log-work.ts';
import { type PublishCheckpointDependencies, publishCheckpoint } from '../../application/publish-checkpoint.ts';
import { AuditError } from '../../domain/errors.ts';

/** Under load, checkpoints are this far apart. */
const BUSY_INTERVAL_MS = 1_000;
/** While nothing happens, signer vouches for the last one this often, so that silence is provable. */
const IDLE_INTERVAL_MS = 60_000;
/** How often a witness that refuses the log is asked again. */
const FORK_INTERVAL_MS = 10_000;

/** What {@link CheckpointJob} works with. */
export interface CheckpointJobOptions extends PublishCheckpointDependencies {
  readonly logObserver: LogObserver;
  /** Milliseconds of a clock that never goes back. */
  readonly elapsedMs?: () => number;
}

/** Publishes a checkpoint when the log has grown, at once after an idle time and a second after the last one under load. */
export class CheckpointJob {
  readonly #options: CheckpointJobOptions;
  readonly #elapsedMs: () => number;
  /** The last one that this process published. */
  #published: { readonly size: bigint; readonly atMs: number } | undefined;
  #forkedAtMs: number | undefined;

  constructor(options: CheckpointJobOptions) {
    this.#options = options;
    this.#elapsedMs = options.elapsedMs ?? (() => performance.now());
  }

  /** One iteration. See `LeasedLoop`. */
  async run({ signal, lease }: { readonly signal: AbortSignal; readonly lease: WriteRight }): Promise<LoopOutcome> {
    signal.throwIfAborted();
    const now = this.#elapsedMs();
    if (this.#forkedAtMs !== undefined && now - this.#forkedAtMs < FORK_INTERVAL_MS) return 'idle';
    const last = this.#published;
    if (last !== undefined) {
      const { size } = await this.#options.log.tree();
      const age = now - last.atMs;
      if (size === last.size && age < IDLE_INTERVAL_MS) return 'idle';
      if (age < BUSY_INTERVAL_MS) await sleep(BUSY_INTERVAL_MS - age, signal);
    }
    await this.#publish(lease);
    return 'idle';
  }

  async #publish(right: WriteRight): Promise<void> {
    const { logObserver } = this.#options;
    try {
      const { size } = await publishCheckpoint(this.#options, right);
      this.#published = { size, atMs: this.#elapsedMs() };
      this.#forkedAtMs = undefined;
      logObserver.checkpointed({ size });
    } catch (error) {
      if (!(error instanceof AuditError) || error.code !== 'checkpoint-fork') throw error;
      // Told by an alarm of its own, and asked again after a while: the operator may mend it under a running service.
      this.#forkedAtMs = this.#elapsedMs();
      logObserver.forked(error);
    }
  }
}
