import { backoffDelay, sleep } from '@cert-tasks/kernel';
import type { Service } from '@cert-tasks/lifecycle';
import type { Logger } from '@cert-tasks/telemetry';
import type { TaskQueue } from '../../application/ports/task-queue.ts';

const BACKOFF = { baseMs: 500, maxMs: 15_000 };

/** Options of {@link RenewalScheduleJob}. */
export interface RenewalScheduleJobOptions {
  readonly tasks: TaskQueue;
  readonly intervalMs: number;
  readonly log: Logger;
}

/** Sees to the renewal schedule once after each start, for as long as it takes; cert itself starts without it. */
export class RenewalScheduleJob implements Service {
  readonly name = 'renewal schedule';
  readonly #options: RenewalScheduleJobOptions;
  #running: { readonly stopper: AbortController; readonly ended: Promise<void> } | undefined;

  constructor(options: RenewalScheduleJobOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (this.#running !== undefined) return;
    const stopper = new AbortController();
    this.#running = { stopper, ended: this.#ensure(stopper.signal) };
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    running?.stopper.abort();
    await running?.ended;
  }

  /** Never rejects. */
  async #ensure(signal: AbortSignal): Promise<void> {
    const { tasks, intervalMs, log } = this.#options;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        const outcome = await tasks.ensureRenewalSchedule({ intervalMs });
        if (outcome === 'other-kept') {
          log.warn({ intervalMs }, 'the schedule cert-renewals has other settings and is kept as it is');
        }
        return;
      } catch (err) {
        log.info({ err, attempt }, 'the renewal schedule could not be seen to yet');
      }
      await sleep(backoffDelay({ attempt, ...BACKOFF, random: Math.random }), signal).catch(() => undefined);
    }
  }
}
