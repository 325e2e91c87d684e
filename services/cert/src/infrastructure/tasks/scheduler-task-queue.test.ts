import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { ErrorInfoSchema } from '@cert-tasks/contracts/google/rpc';
import {
  type CreateScheduleRequestSchema,
  CreateScheduleResponseSchema,
  type CreateTaskRequestSchema,
  CreateTaskResponseSchema,
  type ScheduleService,
  type TaskService,
} from '@cert-tasks/contracts/task/v1';
import { type GrpcClient, RpcError } from '@cert-tasks/rpc';
import { describe, expect, it } from 'vitest';
import { SchedulerTaskQueue } from './scheduler-task-queue.ts';

const unasked = (): Promise<never> => Promise.reject(new Error('not asked for'));

function queue(fault?: { reason: string; rpcCode: 'ALREADY_EXISTS' | 'UNAVAILABLE' }) {
  const asked: (
    | MessageInitShape<typeof CreateTaskRequestSchema>
    | MessageInitShape<typeof CreateScheduleRequestSchema>
  )[] = [];
  const check = (): void => {
    if (fault === undefined) return;
    const errorInfo = create(ErrorInfoSchema, { reason: fault.reason });
    throw new RpcError({ method: 'm', rpcCode: fault.rpcCode, message: 'no', details: { errorInfo } });
  };
  const tasks: GrpcClient<typeof TaskService> = {
    createTask: async (request) => {
      asked.push(request);
      check();
      return create(CreateTaskResponseSchema);
    },
    getTask: unasked,
    listTasks: unasked,
    listTaskEvents: unasked,
    cancelTask: unasked,
    close: () => undefined,
  };
  const schedules: GrpcClient<typeof ScheduleService> = {
    createSchedule: async (request) => {
      asked.push(request);
      check();
      return create(CreateScheduleResponseSchema);
    },
    getSchedule: unasked,
    listSchedules: unasked,
    deleteSchedule: unasked,
    close: () => undefined,
  };
  return { asked, queue: new SchedulerTaskQueue({ tasks, schedules }) };
}

const ORDER = { project: 'p', certificateName: 'projects/p/certificates/c' };

describe('SchedulerTaskQueue', () => {
  it('makes one task for a certificate, by its name', async () => {
    const { asked, queue: tasks } = queue();
    await tasks.createRenewal(ORDER);
    expect(asked).toMatchObject([
      {
        parent: 'projects/p',
        type: 'cert.renew',
        payload: { certificate: ORDER.certificateName },
        uniqueKey: ORDER.certificateName,
      },
    ]);
    // A request id would outlive a task that died, and keep its successor from being made.
    expect(asked[0]).not.toHaveProperty('requestId');
  });

  it('is content with a task that is there, and tells of a scheduler that is not', async () => {
    await queue({ rpcCode: 'ALREADY_EXISTS', reason: 'UNIQUE_KEY_TAKEN' }).queue.createRenewal(ORDER);
    const away = queue({ rpcCode: 'UNAVAILABLE', reason: 'UNAVAILABLE' }).queue;
    await expect(away.createRenewal(ORDER)).rejects.toMatchObject({ code: 'scheduler-unavailable' });
    await expect(away.ensureRenewalSchedule({ intervalMs: 1_000 })).rejects.toMatchObject({
      code: 'scheduler-unavailable',
    });
  });

  it('sees to the schedule, and leaves another one as it is', async () => {
    const { asked, queue: tasks } = queue();
    expect(await tasks.ensureRenewalSchedule({ intervalMs: 60_000 })).toBe('ensured');
    expect(asked).toMatchObject([
      {
        parent: 'projects/system',
        scheduleId: 'cert-renewals',
        taskType: 'cert.renew-due',
        interval: { seconds: 60n },
      },
    ]);
    const other = queue({ rpcCode: 'ALREADY_EXISTS', reason: 'SCHEDULE_EXISTS' }).queue;
    expect(await other.ensureRenewalSchedule({ intervalMs: 60_000 })).toBe('other-kept');
  });
});
