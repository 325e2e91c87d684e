import { randomUUID } from 'node:crypto';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import {
  ScheduleService,
  type Task,
  TaskEventSchema,
  TaskSchema,
  TaskService,
  TaskState,
} from '@cert-tasks/contracts/task/v1';
import { type Command, InvalidArgumentError } from 'commander';
import { addConnectionOptions, openConnection } from '../connection-options.ts';
import { printMessage, printTable } from '../output.ts';

/** Registers what is done with tasks and schedules. */
export function registerTasks(program: Command): void {
  const task = program.command('task').description('tasks and schedules');

  addConnectionOptions(
    task
      .command('create')
      .description('create a task')
      .argument('<type>', 'such as cert.renew')
      .option('--payload <json>', 'the input, a JSON object', parseObject, {})
      .option('--unique-key <key>', 'no other task of the type with this key until it has ended')
      .option('--request-id <id>', 'makes the call safe to repeat; default: a new one'),
  ).action(createTask);

  addConnectionOptions(
    task
      .command('get')
      .description('show a task')
      .argument('<task>', 'its id or name')
      .option('--history', 'show its transitions too'),
  ).action(getTask);

  addConnectionOptions(
    task
      .command('list')
      .description('list the tasks of a project, the youngest first')
      .option('--filter <terms>', 'such as: state = "RUNNING" AND type = "cert.renew"'),
  ).action(listTasks);

  addConnectionOptions(
    task
      .command('cancel')
      .description('cancel a task for good')
      .argument('<task>', 'its id or name')
      .option('--reason <text>', 'why', ''),
  ).action(cancelTask);

  addConnectionOptions(task.command('schedules').description('list the schedules of a project')).action(listSchedules);
}

type JsonObject = NonNullable<Task['payload']>;

async function createTask(
  type: string,
  options: { readonly payload: JsonObject; readonly uniqueKey?: string; readonly requestId?: string },
  command: Command,
): Promise<void> {
  const connection = await openConnection(command);
  const { task } = await connection.call('task', TaskService, (client) =>
    client.createTask({
      parent: `projects/${connection.project}`,
      type,
      payload: options.payload,
      uniqueKey: options.uniqueKey ?? '',
      requestId: options.requestId ?? randomUUID(),
    }),
  );
  if (task !== undefined) printMessage(TaskSchema, task);
}

async function getTask(name: string, options: { readonly history?: true }, command: Command): Promise<void> {
  const connection = await openConnection(command);
  const full = connection.resource('tasks', name);
  await connection.call('task', TaskService, async (client) => {
    const { task } = await client.getTask({ name: full });
    if (task !== undefined) printMessage(TaskSchema, task);
    if (options.history !== true) return;
    const { taskEvents } = await client.listTaskEvents({ parent: full, pageSize: 1000 });
    for (const event of taskEvents) printMessage(TaskEventSchema, event);
  });
}

async function listTasks(options: { readonly filter?: string }, command: Command): Promise<void> {
  const connection = await openConnection(command);
  const page = await connection.call('task', TaskService, (client) =>
    client.listTasks({ parent: `projects/${connection.project}`, filter: options.filter ?? '' }),
  );
  printTable([
    ['ID', 'TYPE', 'STATE', 'ATTEMPT', 'CREATED', 'ERROR'],
    ...page.tasks.map((task) => [
      task.name.split('/').at(-1) ?? '',
      task.type,
      TaskState[task.state],
      String(task.attempt),
      task.createTime === undefined ? '' : timestampDate(task.createTime).toISOString(),
      task.lastError?.reason ?? '',
    ]),
  ]);
}

async function cancelTask(name: string, options: { readonly reason: string }, command: Command): Promise<void> {
  const connection = await openConnection(command);
  const { task } = await connection.call('task', TaskService, (client) =>
    client.cancelTask({ name: connection.resource('tasks', name), reason: options.reason, requestId: randomUUID() }),
  );
  if (task !== undefined) printMessage(TaskSchema, task);
}

async function listSchedules(_options: object, command: Command): Promise<void> {
  const connection = await openConnection(command);
  const page = await connection.call('task', ScheduleService, (client) =>
    client.listSchedules({ parent: `projects/${connection.project}` }),
  );
  printTable([
    ['NAME', 'TASK TYPE', 'EVERY', 'NEXT'],
    ...page.schedules.map((schedule) => [
      schedule.name,
      schedule.taskType,
      `${schedule.interval?.seconds ?? 0n} s`,
      schedule.nextTime === undefined ? '' : timestampDate(schedule.nextTime).toISOString(),
    ]),
  ]);
}

function parseObject(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InvalidArgumentError('It must be JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidArgumentError('It must be a JSON object.');
  // Whatever JSON.parse makes of an object is a JSON object.
  return value as JsonObject;
}
