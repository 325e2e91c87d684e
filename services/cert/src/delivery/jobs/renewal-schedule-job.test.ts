import { testLog, waitFor } from '@cert-tasks/testkit';
import { describe, expect, it } from 'vitest';
import { InMemoryTaskQueue } from '../../testing/in-memory-task-queue.ts';
import { RenewalScheduleJob } from './renewal-schedule-job.ts';

describe('RenewalScheduleJob', () => {
  it('asks until the scheduler is there, then ends', async () => {
    const tasks = new InMemoryTaskQueue();
    tasks.isAway = true;
    const { log, lines } = testLog();
    const job = new RenewalScheduleJob({ tasks, intervalMs: 60_000, log });
    await job.start();
    await waitFor(() => lines.some((line) => line.includes('could not be seen to')), { what: 'a first failure' });
    tasks.isAway = false;
    await waitFor(() => tasks.intervalMs !== undefined, { what: 'the schedule' });
    await job.stop();
    expect(tasks.intervalMs).toBe(60_000);
  });

  it('keeps a schedule that has other settings, and says so', async () => {
    const tasks = new InMemoryTaskQueue();
    await tasks.ensureRenewalSchedule({ intervalMs: 1_000 });
    const { log, lines } = testLog();
    const job = new RenewalScheduleJob({ tasks, intervalMs: 60_000, log });
    await job.start();
    await waitFor(() => lines.some((line) => line.includes('kept as it is')), { what: 'the warning' });
    await job.stop();
  });

  it('can be stopped while the scheduler is away', async () => {
    const tasks = new InMemoryTaskQueue();
    tasks.isAway = true;
    const job = new RenewalScheduleJob({ tasks, intervalMs: 60_000, log: testLog().log });
    await job.start();
    await job.stop();
    await job.stop();
  });
});
