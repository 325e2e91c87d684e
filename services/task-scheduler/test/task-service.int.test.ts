import { fromBinary } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate, timestampMs } from '@bufbuild/protobuf/wkt';
import { ActorKind, type Event, EventSchema, Result } from '@cert-tasks/contracts/event/v1';
import { type Task, TaskPriority, TaskState } from '@cert-tasks/contracts/task/v1';
import { requestKey } from '@cert-tasks/idempotency';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Scheduler, type SchedulerGround, schedulerGround, taskOf } from './scheduler.ts';

let ground: SchedulerGround;
let scheduler: Scheduler;

beforeAll(async () => {
  ground = await schedulerGround();
  scheduler = await ground.startScheduler();
});

afterEach(async () => {
  expect(await ground.historyBreaches()).toEqual([]);
});

afterAll(async () => {
  await ground?.[Symbol.asyncDispose]();
});

const operator = () => scheduler.as({ sub: 'olga', roles: { acme: ['operator'] } });
const inMs = (ms: number) => timestampFromDate(new Date(Date.now() + ms));

async function auditEvents(task: Task): Promise<readonly Event[]> {
  const rows = await ground.owner.sql<{ body: Uint8Array }[]>`select body from outbox order by id`;
  return rows.map(({ body }) => fromBinary(EventSchema, body)).filter(({ subject }) => subject === task.name);
}

describe('creating', () => {
  test('keeps all that was said, and fills in the defaults', async () => {
    const { tasks } = await operator();
    const scheduleTime = inMs(60_000);
    const deadlineTime = inMs(120_000);
    const created = taskOf(
      await tasks.createTask({
        parent: 'projects/acme',
        type: 'mail.send',
        payload: { to: 'a@example.org', n: 1.5, nested: { list: [1, null, 'x', { deep: true }] }, empty: {} },
        priority: TaskPriority.HIGH,
        scheduleTime,
        deadlineTime,
        attemptTimeout: durationFromMs(30_000),
        retryPolicy: { maxAttempts: 7, initialBackoff: durationFromMs(250), maxBackoff: durationFromMs(9_000) },
        labels: { team: 'blue' },
        uniqueKey: 'mail-1',
      }),
    );
    expect(created).toMatchObject({
      type: 'mail.send',
      state: TaskState.SCHEDULED,
      priority: TaskPriority.HIGH,
      attempt: 0,
      labels: { team: 'blue' },
      uniqueKey: 'mail-1',
      etag: '1',
      retryPolicy: { maxAttempts: 7 },
    });
    expect(created.payload).toEqual({
      to: 'a@example.org',
      n: 1.5,
      nested: { list: [1, null, 'x', { deep: true }] },
      empty: {},
    });
    for (const field of ['scheduleTime', 'deadlineTime'] as const) {
      const [got, wanted] = [created[field], { scheduleTime, deadlineTime }[field]];
      expect(got && timestampMs(got)).toBe(timestampMs(wanted));
    }
    expect(taskOf(await tasks.getTask({ name: created.name }))).toEqual(created);
  });

  test('a time that has passed is now', async () => {
    const task = await scheduler.create({ scheduleTime: inMs(-3_600_000) });
    expect(task.state).toBe(TaskState.PENDING);
    expect(task.scheduleTime).toEqual(task.createTime);
  });

  test('refuses what cannot be, names the field, and makes nothing', async () => {
    const { tasks } = await scheduler.as({ sub: 'olga', roles: { refusals: ['operator'] } });
    const cases: readonly [string, object][] = [
      ['type', { type: 'No Good' }],
      ['payload', { payload: { text: 'x'.repeat(65_536) } }],
      ['payload', { payload: { text: 'a\u0000b' } }],
      ['schedule_time', { scheduleTime: inMs(367 * 86_400_000) }],
      ['schedule_time', { scheduleTime: { seconds: 2n ** 60n, nanos: 0 } }],
      ['deadline_time', { deadlineTime: inMs(-1_000) }],
      ['deadline_time', { scheduleTime: inMs(60_000), deadlineTime: inMs(50_000) }],
      ['deadline_time', { deadlineTime: { seconds: 2n ** 60n, nanos: 0 } }],
      ['attempt_timeout', { attemptTimeout: durationFromMs(999) }],
      ['retry_policy.max_attempts', { retryPolicy: { maxAttempts: 101 } }],
      [
        'retry_policy.max_backoff',
        { retryPolicy: { maxBackoff: durationFromMs(1), initialBackoff: durationFromMs(2) } },
      ],
      ['unique_key', { uniqueKey: 'tab\there' }],
      ['unique_key', { uniqueKey: 'x'.repeat(257) }],
      ['labels', { labels: { a: 'b\u0000' } }],
    ];
    for (const [field, fields] of cases) {
      const refused = tasks.createTask({ parent: 'projects/refusals', type: 'noop', ...fields });
      await expect(refused, field).rejects.toMatchObject({ rpcCode: 'INVALID_ARGUMENT', field });
    }
    expect((await tasks.listTasks({ parent: 'projects/refusals' })).tasks).toEqual([]);
  });

  test('a hundred calls at once make a hundred tasks', async () => {
    const tasks = await Promise.all(Array.from({ length: 100 }, (_, i) => scheduler.create({ payload: { i } })));
    expect(new Set(tasks.map(({ name }) => name)).size).toBe(100);
    expect(tasks.map(({ payload }) => payload?.['i'])).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });
});

describe('a request id', () => {
  test('makes one task of many calls at once, on two replicas', async () => {
    const other = await ground.startScheduler();
    const calls = Array.from({ length: 40 }, (_, i) =>
      (i % 2 === 0 ? scheduler : other).create({ requestId: 'once', payload: { b: 1, a: 2 } }),
    );
    const tasks = await Promise.all(calls);
    expect(new Set(tasks.map(({ name }) => name)).size).toBe(1);
    const [{ count } = { count: 0 }] = await ground.owner.sql<{ count: number }[]>`
      select count(*)::int as count from task_events where task_id = ${tasks[0]?.name.split('/')[3] ?? ''}`;
    expect(count).toBe(1);
  });

  test('is for one request: the order of keys is none of it, anything else is', async () => {
    const task = await scheduler.create({
      requestId: 'same',
      payload: { a: 1, b: { c: 2, d: 3 } },
      labels: { x: '1', y: '2' },
    });
    const again = await scheduler.create({
      requestId: 'same',
      payload: { b: { d: 3, c: 2 }, a: 1 },
      labels: { y: '2', x: '1' },
    });
    expect(again.name).toBe(task.name);
    await expect(scheduler.create({ requestId: 'same', payload: { a: 2 } })).rejects.toMatchObject({
      rpcCode: 'FAILED_PRECONDITION',
      reason: 'REQUEST_ID_REUSED',
    });
  });

  test('belongs to its caller', async () => {
    const [olga, oleg] = await Promise.all([operator(), scheduler.as({ sub: 'oleg', roles: { acme: ['operator'] } })]);
    const request = { parent: 'projects/acme', type: 'noop', requestId: 'mine' };
    const [a, b] = await Promise.all([olga.tasks.createTask(request), oleg.tasks.createTask(request)]);
    expect(taskOf(a).name).not.toBe(taskOf(b).name);
  });

  test('of a repeat answers with the task as it stands, even where it holds the unique key', async () => {
    const request = { requestId: 'held', uniqueKey: 'held' };
    const task = await scheduler.create(request);
    expect((await scheduler.create(request)).name).toBe(task.name);
    await scheduler.cancel(task);
    expect(await scheduler.create(request)).toMatchObject({ name: task.name, state: TaskState.CANCELLED });
  });

  test('that another transaction holds keeps only its own call waiting', async () => {
    const key = requestKey({
      project: 'acme',
      principal: 'service:cert',
      method: 'certtasks.task.v1.TaskService/CreateTask',
      requestId: 'stuck',
    });
    if (key === undefined) throw new Error('the request has an id');
    await ground.owner
      .transaction('hold', async ({ sql }) => {
        await sql`insert into requests (key, hash, resource) values (${key}, ${new Uint8Array(32)}, 'none')`;
        const calls = ['stuck', ...Array.from({ length: 9 }, (_, i) => `free-${i}`)].map((requestId) =>
          scheduler.create({ requestId }),
        );
        const [stuck, ...free] = await Promise.allSettled(calls);
        expect(stuck).toMatchObject({ reason: { rpcCode: 'ABORTED', reason: 'REQUEST_IN_PROGRESS' } });
        expect(free.map(({ status }) => status)).toEqual(Array.from({ length: 9 }, () => 'fulfilled'));
        throw new Error('rolled back');
      })
      .catch((error: unknown) => expect(error).toMatchObject({ message: 'rolled back' }));
    expect((await scheduler.create({ requestId: 'stuck' })).state).toBe(TaskState.PENDING);
  });

  test('of a refused call is forgotten', async () => {
    const holder = await scheduler.create({ uniqueKey: 'forgotten' });
    const request = { requestId: 'refused-first', uniqueKey: 'forgotten' };
    await expect(scheduler.create(request)).rejects.toMatchObject({ reason: 'UNIQUE_KEY_TAKEN' });
    await scheduler.cancel(holder);
    expect((await scheduler.create(request)).state).toBe(TaskState.PENDING);
  });
});

describe('a unique key', () => {
  test('is held by one of many that want it at once, on two replicas, and the others learn by whom', async () => {
    const other = await ground.startScheduler();
    const calls = Array.from({ length: 40 }, (_, i) =>
      (i % 2 === 0 ? scheduler : other).create({ uniqueKey: 'contested' }),
    );
    const results = await Promise.allSettled(calls);
    const made = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(made).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'fulfilled') continue;
      expect(result.reason).toMatchObject({
        rpcCode: 'ALREADY_EXISTS',
        reason: 'UNIQUE_KEY_TAKEN',
        metadata: { task: made[0]?.name },
      });
    }
  });

  test('is free for another type, another project, and once its task has ended', async () => {
    const task = await scheduler.create({ uniqueKey: 'k' });
    await scheduler.create({ uniqueKey: 'k', type: 'other' });
    await scheduler.create({ uniqueKey: 'k', parent: 'projects/other' });
    await scheduler.cancel(task);
    await scheduler.create({ uniqueKey: 'k' });
  });

  test('refused in a batch leaves the rest of the batch alone', async () => {
    await scheduler.create({ uniqueKey: 'batch' });
    const calls = Array.from({ length: 20 }, (_, i) =>
      scheduler.create(i % 5 === 0 ? { uniqueKey: 'batch' } : { requestId: `batch-${i}` }),
    );
    const results = await Promise.allSettled(calls);
    expect(results.map(({ status }) => status)).toEqual(
      Array.from({ length: 20 }, (_, i) => (i % 5 === 0 ? 'rejected' : 'fulfilled')),
    );
  });
});

describe('projects are walls', () => {
  test("another project's task is not there", async () => {
    const task = await scheduler.create({ parent: 'projects/secret' });
    const stranger = await scheduler.as({ sub: 'eve', roles: { acme: ['admin'] } });
    const foreign = task.name.replace('secret', 'acme');
    const notFound = { rpcCode: 'NOT_FOUND', reason: 'TASK_NOT_FOUND' };
    await expect(stranger.tasks.getTask({ name: foreign })).rejects.toMatchObject(notFound);
    await expect(stranger.tasks.cancelTask({ name: foreign })).rejects.toMatchObject(notFound);
    await expect(stranger.tasks.listTaskEvents({ parent: foreign })).rejects.toMatchObject(notFound);
    await expect(stranger.worker.completeTask({ name: foreign, fence: 1n })).rejects.toMatchObject(notFound);
    await expect(stranger.worker.failTask({ name: foreign, fence: 1n, reason: 'X' })).rejects.toMatchObject(notFound);
    await expect(stranger.tasks.getTask({ name: task.name })).rejects.toMatchObject({ rpcCode: 'PERMISSION_DENIED' });
    await expect(stranger.tasks.getTask({ name: 'projects/acme/tasks/no-uuid' })).rejects.toMatchObject(notFound);
  });

  test('work in all projects is for the services of the platform', async () => {
    const admin = await scheduler.as({ sub: 'root', roles: { '*': ['admin'] } });
    const lease = { parent: 'projects/-', worker: 'w', types: ['walls'], maxTasks: 1 };
    await expect(admin.worker.leaseTasks(lease)).rejects.toMatchObject({ rpcCode: 'PERMISSION_DENIED' });
    await scheduler.create({ parent: 'projects/secret', type: 'walls' });
    const inAcme = await (await operator()).worker.leaseTasks({ ...lease, parent: 'projects/acme' });
    expect(inAcme.tasks).toEqual([]);
    expect((await scheduler.internal.worker.leaseTasks(lease)).tasks).toHaveLength(1);
  });
});

describe('listing', () => {
  test('pages through live and ended tasks, the youngest first', async () => {
    const parent = 'projects/listing';
    const made: Task[] = [];
    for (let i = 0; i < 7; i++) made.push(await scheduler.create({ parent, payload: { i } }));
    for (const i of [1, 4]) await scheduler.cancel(made[i] ?? fail());
    const { tasks } = await scheduler.as({ sub: 'val', roles: { listing: ['viewer'] } });
    const names: string[] = [];
    for (let pageToken = ''; ; ) {
      const page = await tasks.listTasks({ parent, pageSize: 3, pageToken });
      names.push(...page.tasks.map(({ name }) => name));
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
      await expect(tasks.listTasks({ parent, filter: 'state = "PENDING"', pageToken })).rejects.toMatchObject({
        field: 'page_token',
      });
    }
    expect(names).toEqual(made.map(({ name }) => name).reverse());
  });

  test('filters by state, as it is shown, and by type', async () => {
    const parent = 'projects/filters';
    const soon = await scheduler.create({ parent, type: 'a', scheduleTime: inMs(300) });
    const pending = await scheduler.create({ parent, type: 'a' });
    const cancelled = await scheduler.create({ parent, type: 'b' });
    const distant = await scheduler.create({ parent, type: 'b', scheduleTime: inMs(60_000) });
    await scheduler.cancel(cancelled);
    const { tasks } = await scheduler.as({ sub: 'val', roles: { filters: ['viewer'] } });
    const list = async (filter: string) => (await tasks.listTasks({ parent, filter })).tasks.map(({ name }) => name);
    expect(await list('state = "CANCELLED"')).toEqual([cancelled.name]);
    expect(await list('type = "a"')).toEqual([pending.name, soon.name]);
    expect(await list('type = "b" AND state = "SCHEDULED"')).toEqual([distant.name]);
    expect(await list('state = "RUNNING"')).toEqual([]);
    expect(await list('state = "RUNNING" AND state = "PENDING"')).toEqual([]);
    expect(await list('type = "no such type \u0000"')).toEqual([]);
    await expect.poll(() => list('state = "PENDING"')).toEqual([pending.name, soon.name]);
    expect((await tasks.getTask({ name: soon.name })).task?.state).toBe(TaskState.PENDING);
    await expect(list('state = "NONE"')).rejects.toMatchObject({ rpcCode: 'INVALID_ARGUMENT', field: 'filter' });
    await expect(list('payload = "x"')).rejects.toMatchObject({ rpcCode: 'INVALID_ARGUMENT', field: 'filter' });
  });

  test('ends a page early rather than make it larger than a client takes', async () => {
    const parent = 'projects/large';
    const text = 'x'.repeat(60_000);
    await Promise.all(Array.from({ length: 20 }, () => scheduler.create({ parent, payload: { text } })));
    const { tasks } = await scheduler.as({ sub: 'val', roles: { large: ['viewer'] } });
    let seen = 0;
    let pages = 0;
    for (let pageToken = ''; ; pages++) {
      const page = await tasks.listTasks({ parent, pageToken });
      seen += page.tasks.length;
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
    }
    expect(seen).toBe(20);
    expect(pages).toBeGreaterThan(0);
  });
});

describe('the history', () => {
  test('shows each transition with its attempt, worker and error, in pages', async () => {
    const { internal } = scheduler;
    const task = await scheduler.create({
      type: 'history',
      retryPolicy: { initialBackoff: durationFromMs(1), maxBackoff: durationFromMs(1) },
    });
    const lease = async () =>
      (
        await internal.worker.leaseTasks({
          parent: 'projects/acme',
          worker: 'w-7',
          types: ['history'],
          maxTasks: 1,
          wait: durationFromMs(2_000),
        })
      ).tasks[0];
    const first = await lease();
    await internal.worker.failTask({
      name: task.name,
      fence: first?.fence ?? 0n,
      reason: 'SIGNER_UNAVAILABLE',
      message: 'no signer\u0000\u001b[31m',
    });
    const second = await lease();
    await internal.worker.completeTask({ name: task.name, fence: second?.fence ?? 0n, result: { done: true } });
    const { tasks } = await operator();
    const page = await tasks.listTaskEvents({ parent: task.name, pageSize: 3 });
    const rest = await tasks.listTaskEvents({ parent: task.name, pageSize: 3, pageToken: page.nextPageToken });
    const events = [...page.taskEvents, ...rest.taskEvents];
    expect(rest.nextPageToken).toBe('');
    expect(events.map(({ sequence, state, attempt, worker }) => [sequence, state, attempt, worker])).toEqual([
      [1, TaskState.PENDING, 0, ''],
      [2, TaskState.RUNNING, 1, 'w-7'],
      [3, TaskState.RETRYING, 1, 'w-7'],
      [4, TaskState.RUNNING, 2, 'w-7'],
      [5, TaskState.COMPLETED, 2, 'w-7'],
    ]);
    expect(events[2]?.error).toMatchObject({ reason: 'SIGNER_UNAVAILABLE', message: 'no signer\ufffd\ufffd[31m' });
    await expect(
      tasks.listTaskEvents({ parent: 'projects/acme/tasks/01900000-0000-7000-8000-000000000000' }),
    ).rejects.toMatchObject({ rpcCode: 'NOT_FOUND' });
  });
});

describe('cancelling', () => {
  test('is for good, says why in the history, and may be repeated', async () => {
    const { tasks } = await operator();
    const task = await scheduler.create({ scheduleTime: inMs(60_000) });
    const request = { name: task.name, reason: 'not needed', requestId: 'cancel-1' };
    expect(taskOf(await tasks.cancelTask(request))).toMatchObject({ state: TaskState.CANCELLED, etag: '2' });
    expect(taskOf(await tasks.cancelTask(request))).toMatchObject({ state: TaskState.CANCELLED, etag: '2' });
    expect(taskOf(await tasks.cancelTask({ name: task.name }))).toMatchObject({ etag: '2' });
    await expect(tasks.cancelTask({ ...request, reason: 'other' })).rejects.toMatchObject({
      reason: 'REQUEST_ID_REUSED',
    });
    const { taskEvents } = await tasks.listTaskEvents({ parent: task.name });
    expect(taskEvents[1]).toMatchObject({
      state: TaskState.CANCELLED,
      error: { reason: 'CANCELLED', message: 'not needed' },
    });
  });

  test('of what has ended otherwise is refused', async () => {
    const task = await scheduler.create({ type: 'ended' });
    const [leased] = (
      await scheduler.internal.worker.leaseTasks({ parent: 'projects/-', worker: 'w', types: ['ended'], maxTasks: 1 })
    ).tasks;
    await scheduler.internal.worker.completeTask({ name: task.name, fence: leased?.fence ?? 0n });
    await expect(scheduler.cancel(task)).rejects.toMatchObject({
      rpcCode: 'FAILED_PRECONDITION',
      reason: 'TASK_ENDED',
    });
  });
});

describe('audited types', () => {
  test('tell the audit log of each step, with who and why, and never of payloads or messages', async () => {
    const { tasks } = await operator();
    const task = taskOf(
      await tasks.createTask({ parent: 'projects/acme', type: 'cert.renew', payload: { secret: 'payload-words' } }),
    );
    const { worker } = scheduler.internal;
    const lease = async () =>
      (
        await worker.leaseTasks({
          parent: 'projects/-',
          worker: 'w-1',
          types: ['cert.renew'],
          maxTasks: 1,
          wait: durationFromMs(3_000),
        })
      ).tasks[0]?.fence ?? 0n;
    await worker.failTask({ name: task.name, fence: await lease(), reason: 'TRY_AGAIN', message: 'message-words' });
    await worker.failTask({ name: task.name, fence: await lease(), reason: 'HOPELESS', final: true });
    const events = await auditEvents(task);
    expect(events.map(({ type, result, reason, project }) => [type, result, reason, project])).toEqual([
      ['task.created', Result.SUCCESS, '', 'acme'],
      ['task.started', Result.SUCCESS, '', 'acme'],
      ['task.retrying', Result.FAILURE, 'TRY_AGAIN', 'acme'],
      ['task.started', Result.SUCCESS, '', 'acme'],
      ['task.failed', Result.FAILURE, 'HOPELESS', 'acme'],
    ]);
    expect(events[0]).toMatchObject({
      source: 'task-scheduler',
      actor: { kind: ActorKind.USER, id: 'olga', roles: ['operator'] },
      action: 'certtasks.task.v1.TaskService/CreateTask',
      data: { taskType: 'cert.renew', attempt: 0 },
    });
    expect(events[2]).toMatchObject({
      actor: { kind: ActorKind.SERVICE, id: 'cert' },
      data: { taskType: 'cert.renew', attempt: 1, worker: 'w-1' },
    });
    const text = JSON.stringify(events, (_key, value) => (typeof value === 'bigint' ? String(value) : value));
    expect(text).not.toMatch(/payload-words|message-words/);
  });

  test('others have their history only', async () => {
    const task = await scheduler.create({ type: 'certificate.like' });
    await scheduler.cancel(task);
    expect(await auditEvents(task)).toEqual([]);
  });

  test('of a call that is refused nothing is told', async () => {
    const task = await scheduler.create({ type: 'cert.refused', uniqueKey: 'audited' });
    const before = await ground.owner.sql`select 1 from outbox`;
    await expect(scheduler.create({ type: 'cert.refused', uniqueKey: 'audited' })).rejects.toMatchObject({
      reason: 'UNIQUE_KEY_TAKEN',
    });
    expect(await ground.owner.sql`select 1 from outbox`).toHaveLength(before.length);
    await scheduler.cancel(task);
    expect((await auditEvents(task)).map(({ type }) => type)).toEqual(['task.created', 'task.cancelled']);
  });
});

function fail(): never {
  throw new Error('no such task');
}
