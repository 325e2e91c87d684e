import { durationFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { type Schedule, TaskState } from '@cert-tasks/contracts/task/v1';
import { waitFor } from '@cert-tasks/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Scheduler, type SchedulerGround, schedulerGround, taskOf } from './scheduler.ts';

let ground: SchedulerGround;
/** Two planners, always. */
let schedulers: readonly [Scheduler, Scheduler];

beforeAll(async () => {
  ground = await schedulerGround();
  const planIntervalMs = 50;
  schedulers = await Promise.all([
    ground.startScheduler({ planIntervalMs }),
    ground.startScheduler({ planIntervalMs }),
  ]);
});

afterEach(async () => {
  expect(await ground.historyBreaches()).toEqual([]);
});

afterAll(async () => {
  await ground?.[Symbol.asyncDispose]();
});

/** Long enough that no occurrence comes due while a test runs, unless the test says so. */
const PERIOD_MS = 300 * 86_400_000;
const operator = () => schedulers[0].as({ sub: 'olga', roles: { system: ['operator'] } });
const create = (scheduleId: string, fields: object = {}) =>
  schedulers[0].internal.schedules.createSchedule({
    parent: 'projects/system',
    scheduleId,
    interval: durationFromMs(PERIOD_MS),
    taskType: `type-${scheduleId}`,
    ...fields,
  });

function scheduleOf({ schedule }: { readonly schedule?: Schedule | undefined }): Schedule {
  if (schedule === undefined) throw new Error('The answer has no schedule.');
  return schedule;
}

interface OccurrenceRow {
  readonly planned_at: Date;
  readonly task_id: string | null;
  readonly skipped: string | null;
}

async function occurrences(id: string): Promise<readonly OccurrenceRow[]> {
  return ground.owner.sql<OccurrenceRow[]>`
    select o.planned_at, o.task_id, o.skipped
    from schedule_occurrences o join schedules s on s.uid = o.schedule_id
    where s.id = ${id}
    order by o.planned_at`;
}

/** As if no scheduler had run for that long. */
async function missed(id: string, ms: number): Promise<void> {
  await ground.owner.sql`
    update schedules set next_at = next_at - ${BigInt(ms)} * interval '1 millisecond' where id = ${id}`;
}

async function occurrencesOf(id: string, count: number): Promise<readonly OccurrenceRow[]> {
  return waitFor(
    async () => {
      const rows = await occurrences(id);
      return rows.length >= count && rows;
    },
    { what: `${count} occurrences of ${id}` },
  );
}

describe('a schedule', () => {
  test('is made once; the same again answers with it, another of its name is refused', async () => {
    const made = scheduleOf(await create('made', { taskPayload: { a: 1, b: 2 } }));
    expect(made).toMatchObject({
      name: 'projects/system/schedules/made',
      taskType: 'type-made',
      taskPayload: { a: 1, b: 2 },
      lastTask: '',
    });
    const next = timestampMs(made.nextTime ?? fail());
    expect(next % PERIOD_MS).toBe(0);
    expect(next).toBeGreaterThan(timestampMs(made.createTime ?? fail()));
    expect(scheduleOf(await create('made', { taskPayload: { b: 2, a: 1 } }))).toEqual(made);
    const refusal = { rpcCode: 'ALREADY_EXISTS', reason: 'SCHEDULE_EXISTS' };
    await expect(create('made', { taskPayload: { a: 2 } })).rejects.toMatchObject(refusal);
    await expect(
      create('made', { taskPayload: { a: 1, b: 2 }, interval: durationFromMs(1_000) }),
    ).rejects.toMatchObject(refusal);
  });

  test('made by many at once is made once', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => create('contested')));
    expect(new Set(all.map((each) => scheduleOf(each).createTime?.nanos)).size).toBe(1);
  });

  test('is read, listed in pages and deleted in its project only', async () => {
    for (const id of ['page-a', 'page-b', 'page-c']) await create(id);
    const { schedules } = await operator();
    const names: string[] = [];
    for (let pageToken = ''; ; ) {
      const page = await schedules.listSchedules({ parent: 'projects/system', pageSize: 2, pageToken });
      names.push(...page.schedules.map(({ name }) => name));
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
    }
    expect(names).toEqual(names.toSorted());
    expect(names.filter((name) => name.includes('page-'))).toHaveLength(3);
    const name = 'projects/system/schedules/page-a';
    const stranger = await schedulers[0].as({ sub: 'eve', roles: { other: ['admin'] } });
    const notFound = { rpcCode: 'NOT_FOUND', reason: 'SCHEDULE_NOT_FOUND' };
    await expect(stranger.schedules.deleteSchedule({ name: name.replace('system', 'other') })).rejects.toMatchObject(
      notFound,
    );
    await expect(stranger.schedules.getSchedule({ name })).rejects.toMatchObject({ rpcCode: 'PERMISSION_DENIED' });
    expect(scheduleOf(await schedules.getSchedule({ name })).name).toBe(name);
    await schedules.deleteSchedule({ name });
    await expect(schedules.getSchedule({ name })).rejects.toMatchObject(notFound);
    await expect(schedules.deleteSchedule({ name })).rejects.toMatchObject(notFound);
  });

  test('that cannot be is refused with its field', async () => {
    for (const [field, fields] of [
      ['interval', { interval: durationFromMs(999) }],
      ['interval', { interval: { seconds: 2n, nanos: 500 } }],
      ['interval', { interval: durationFromMs(367 * 86_400_000) }],
      ['task_type', { taskType: 'No Good' }],
      ['task_payload', { taskPayload: { text: 'x'.repeat(65_536) } }],
    ] as const) {
      await expect(create('refused', fields), field).rejects.toMatchObject({ rpcCode: 'INVALID_ARGUMENT', field });
    }
  });
});

describe('an occurrence', () => {
  test('is made by one of two planners, each time', async () => {
    await create('raced', { interval: durationFromMs(1_000) });
    const { worker } = schedulers[1].internal;
    const lease = {
      parent: 'projects/-',
      worker: 'w',
      types: ['type-raced'],
      maxTasks: 10,
      wait: durationFromMs(3_000),
    };
    for (let i = 0; i < 3; i++) {
      const { tasks } = await worker.leaseTasks(lease);
      expect(tasks).toHaveLength(1);
      const task = taskOf(tasks[0] ?? fail());
      expect(task).toMatchObject({ schedule: 'projects/system/schedules/raced', state: TaskState.RUNNING });
      await worker.completeTask({ name: task.name, fence: tasks[0]?.fence ?? 0n });
    }
    const rows = await occurrences('raced');
    const planned = rows.map(({ planned_at }) => planned_at.getTime());
    expect(planned.every((at) => at % 1_000 === 0)).toBe(true);
    expect(new Set(planned).size).toBe(planned.length);
    expect(rows.filter(({ task_id }) => task_id !== null).length).toBeGreaterThanOrEqual(3);
  });

  test('of many schedules that come due at once is made once each', async () => {
    const ids = Array.from({ length: 60 }, (_, i) => `many-${i}`);
    await Promise.all(ids.map((id) => create(id, { taskType: 'many' })));
    await ground.owner.sql`update schedules set next_at = next_at - interval '300 days' where id like 'many-%'`;
    const rows = await waitFor(
      async () => {
        const made = await ground.owner.sql<{ id: string; planned_at: Date; task_id: string | null }[]>`
          select s.id, o.planned_at, o.task_id from schedule_occurrences o join schedules s on s.uid = o.schedule_id
          where s.id like 'many-%'`;
        return made.length >= 60 && made;
      },
      { what: '60 occurrences' },
    );
    expect(new Set(rows.map(({ id }) => id)).size).toBe(60);
    expect(rows).toHaveLength(60);
    const { tasks } = await schedulers[0].internal.worker.leaseTasks({
      parent: 'projects/-',
      worker: 'w',
      types: ['many'],
      maxTasks: 100,
    });
    expect(tasks.map((leased) => taskOf(leased).name.split('/')[3]).toSorted()).toEqual(
      rows.map(({ task_id }) => task_id).toSorted(),
    );
  });

  test('that was missed is made up for once, the latest only', async () => {
    await create('missed');
    await missed('missed', 24 * PERIOD_MS);
    const [row, ...more] = await occurrencesOf('missed', 1);
    expect(more).toEqual([]);
    const latest = Math.floor(Date.now() / PERIOD_MS) * PERIOD_MS;
    expect(row?.planned_at.getTime()).toBe(latest);
    const { schedules } = await operator();
    const schedule = scheduleOf(await schedules.getSchedule({ name: 'projects/system/schedules/missed' }));
    expect(timestampMs(schedule.lastTime ?? fail())).toBe(latest);
    expect(timestampMs(schedule.nextTime ?? fail())).toBe(latest + PERIOD_MS);
    expect(schedule.lastTask).toBe(`projects/system/tasks/${row?.task_id}`);
  });

  test('is skipped while the task of an earlier one has not ended, and says so', async () => {
    await create('overlap', { interval: durationFromMs(1_000) });
    const rows = await occurrencesOf('overlap', 3);
    expect(rows[0]).toMatchObject({ skipped: null });
    expect(rows[0]?.task_id).not.toBeNull();
    for (const row of rows.slice(1)) expect(row).toMatchObject({ task_id: null, skipped: 'OVERLAP' });
    const { tasks } = await operator();
    await tasks.cancelTask({ name: `projects/system/tasks/${rows[0]?.task_id}` });
    await waitFor(
      async () =>
        (await occurrences('overlap')).some(({ task_id }) => task_id !== null && task_id !== rows[0]?.task_id),
      {
        what: 'the next occurrence with a task',
      },
    );
  });

  test('is not made again by a planner that saw the schedule before it moved on', async () => {
    await create('stale');
    await missed('stale', PERIOD_MS);
    const [first] = await occurrencesOf('stale', 1);
    // The task has ended, so that only the occurrence's own row keeps it from being made again.
    const { tasks } = await operator();
    await tasks.cancelTask({ name: `projects/system/tasks/${first?.task_id}` });
    // A restored or skewed planner: the schedule says that the same occurrence is due once more.
    await missed('stale', PERIOD_MS);
    await waitFor(
      async () => {
        const [row] = await ground.owner.sql<
          { due: boolean }[]
        >`select next_at <= now() as due from schedules where id = 'stale'`;
        return row?.due === false;
      },
      { what: 'the schedule to move on' },
    );
    expect(await occurrences('stale')).toEqual([first]);
    const { tasks: made } = await tasks.listTasks({ parent: 'projects/system', filter: 'type = "type-stale"' });
    expect(made).toHaveLength(1);
  });
});

function fail(): never {
  throw new Error('The answer lacks a field.');
}
