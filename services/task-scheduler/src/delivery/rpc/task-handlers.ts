import type { TaskService } from '@cert-tasks/contracts/task/v1';
import { type CallContext, decodePageToken, encodePageToken, type Handlers, pageSizeOf } from '@cert-tasks/rpc';
import { type CancelTaskDependencies, cancelTask } from '../../application/cancel-task.ts';
import type { CreateTasks } from '../../application/create-tasks.ts';
import type { Origin } from '../../application/ports/audit-trail.ts';
import type { TaskReader } from '../../application/ports/task-store.ts';
import { taskNotFound } from '../../domain/errors.ts';
import { formatTask, formatTaskEvent } from './format.ts';
import { parseParent, parseTaskName } from './names.ts';
import { parseSequence, parseTaskFilter, parseTaskRequest } from './parse.ts';
import { cancelTaskIdentity, createTaskIdentity } from './request-identity.ts';

/** What {@link taskHandlers} answer from. */
export interface TaskHandlersDependencies {
  readonly createTasks: CreateTasks;
  readonly cancel: CancelTaskDependencies;
  readonly reader: TaskReader;
  /** What the audit log is told of a call. */
  readonly originOf: (ctx: CallContext) => Origin;
}

/** The handlers of certtasks.task.v1.TaskService. */
export function taskHandlers(deps: TaskHandlersDependencies): Handlers<typeof TaskService> {
  const { createTasks, cancel, reader, originOf } = deps;
  return {
    async createTask(ctx, request) {
      const task = await createTasks.create({
        project: parseParent(request.parent),
        request: parseTaskRequest(request, ctx.traceparent),
        identity: createTaskIdentity(ctx, request),
        origin: originOf(ctx),
      });
      return { task: formatTask(task) };
    },

    async getTask(_ctx, { name }) {
      const ref = parseTaskName(name);
      const task = await reader.find(ref);
      if (task === undefined) throw taskNotFound(ref);
      return { task: formatTask(task) };
    },

    async listTasks(_ctx, { parent, pageSize, pageToken, filter }) {
      const project = parseParent(parent);
      const query = { parent, filter };
      const cursor = decodePageToken(pageToken, query);
      const filtered = parseTaskFilter(filter);
      if (filtered === undefined) return {};
      const before =
        cursor === undefined ? undefined : parseTaskName(`${parent}/tasks/${cursor['before'] ?? ''}`, 'page_token').id;
      const limit = pageSizeOf(pageSize, { whenZero: 50, most: 1_000 });
      const { tasks, more } = await reader.list({ project, ...filtered, before, limit });
      const last = tasks.at(-1);
      return {
        tasks: tasks.map(formatTask),
        nextPageToken: more && last !== undefined ? encodePageToken({ before: last.id }, query) : '',
      };
    },

    async listTaskEvents(_ctx, { parent, pageSize, pageToken }) {
      const ref = parseTaskName(parent, 'parent');
      const query = { parent };
      const cursor = decodePageToken(pageToken, query);
      const limit = pageSizeOf(pageSize, { whenZero: 100, most: 1_000 });
      const after = parseSequence(cursor?.['after']);
      const events = await reader.listEvents({ ...ref, after, limit: limit + 1 });
      if (events === undefined) throw taskNotFound(ref);
      const page = events.slice(0, limit);
      const last = page.at(-1);
      return {
        taskEvents: page.map(formatTaskEvent),
        nextPageToken:
          events.length > limit && last !== undefined ? encodePageToken({ after: String(last.sequence) }, query) : '',
      };
    },

    async cancelTask(ctx, request) {
      const ref = parseTaskName(request.name);
      const identity = cancelTaskIdentity(ctx, request);
      const task = await cancelTask(cancel, { ...ref, reason: request.reason, identity, origin: originOf(ctx) });
      return { task: formatTask(task) };
    },
  };
}
