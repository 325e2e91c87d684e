import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { ScheduleService, TaskService } from '@cert-tasks/contracts/task/v1';
import { type GrpcClient, RpcError } from '@cert-tasks/rpc';
import type { TaskQueue } from '../../application/ports/task-queue.ts';
import { CertError } from '../../domain/errors.ts';

const DEADLINE_MS = 5_000;
const ATTEMPT_TIMEOUT_MS = 60_000;
/** Signer may be away for a while; a task that is dead at last is made again by the next scan. */
const RETRY_POLICY = { maxAttempts: 10, initialBackoff: durationFromMs(2_000), maxBackoff: durationFromMs(600_000) };

/** Renewal tasks and their schedule in the task-scheduler service. */
export class SchedulerTaskQueue implements TaskQueue {
  readonly #tasks: GrpcClient<typeof TaskService>;
  readonly #schedules: GrpcClient<typeof ScheduleService>;

  constructor(deps: {
    readonly tasks: GrpcClient<typeof TaskService>;
    readonly schedules: GrpcClient<typeof ScheduleService>;
  }) {
    this.#tasks = deps.tasks;
    this.#schedules = deps.schedules;
  }

  async createRenewal({ project, certificateName }: { project: string; certificateName: string }): Promise<void> {
    try {
      await this.#tasks.createTask(
        {
          parent: `projects/${project}`,
          type: 'cert.renew',
          payload: { certificate: certificateName },
          attemptTimeout: durationFromMs(ATTEMPT_TIMEOUT_MS),
          retryPolicy: RETRY_POLICY,
          // No request id: it would be remembered past the end of a task that died, and keep the next one from being
          // made.
          uniqueKey: certificateName,
        },
        { deadlineMs: DEADLINE_MS },
      );
    } catch (error) {
      if (error instanceof RpcError && error.reason === 'UNIQUE_KEY_TAKEN') return;
      throw schedulerUnavailable(error);
    }
  }

  async ensureRenewalSchedule({ intervalMs }: { intervalMs: number }): Promise<'ensured' | 'other-kept'> {
    try {
      await this.#schedules.createSchedule(
        {
          parent: 'projects/system',
          scheduleId: 'cert-renewals',
          interval: durationFromMs(intervalMs),
          taskType: 'cert.renew-due',
        },
        { deadlineMs: DEADLINE_MS },
      );
      return 'ensured';
    } catch (error) {
      if (error instanceof RpcError && error.reason === 'SCHEDULE_EXISTS') return 'other-kept';
      throw schedulerUnavailable(error);
    }
  }
}

function schedulerUnavailable(cause: unknown): CertError {
  return new CertError('scheduler-unavailable', 'The task scheduler did not take the order.', {
    advice: 'Check that task-scheduler runs; it is asked again.',
    retryAfterMs: 1_000,
    cause,
  });
}
