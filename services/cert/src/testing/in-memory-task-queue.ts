import type { TaskQueue } from '../application/ports/task-queue.ts';
import { CertError } from '../domain/errors.ts';

/** Renewal tasks in memory, one for each certificate. */
export class InMemoryTaskQueue implements TaskQueue {
  isAway = false;
  /** Names of certificates with a task, in order of creation. */
  readonly tasks = new Set<string>();
  /** Of the schedule, where there is one. */
  intervalMs: number | undefined;

  async createRenewal({ certificateName }: { certificateName: string }): Promise<void> {
    this.#check();
    this.tasks.add(certificateName);
  }

  async ensureRenewalSchedule({ intervalMs }: { intervalMs: number }): Promise<'ensured' | 'other-kept'> {
    this.#check();
    this.intervalMs ??= intervalMs;
    return this.intervalMs === intervalMs ? 'ensured' : 'other-kept';
  }

  #check(): void {
    if (this.isAway) throw new CertError('scheduler-unavailable', 'The scheduler is away.');
  }
}
