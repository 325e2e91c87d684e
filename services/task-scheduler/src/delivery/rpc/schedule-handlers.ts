import type { ScheduleService } from '@cert-tasks/contracts/task/v1';
import { type CallContext, decodePageToken, encodePageToken, type Handlers, pageSizeOf } from '@cert-tasks/rpc';
import { type CreateScheduleDependencies, createSchedule } from '../../application/create-schedule.ts';
import { deleteSchedule } from '../../application/delete-schedule.ts';
import type { Origin } from '../../application/ports/audit-trail.ts';
import type { ScheduleReader } from '../../application/ports/schedule-store.ts';
import { scheduleNotFound } from '../../domain/errors.ts';
import { formatSchedule } from './format.ts';
import { parseParent, parseScheduleName } from './names.ts';
import { durationMs } from './parse.ts';

/** What {@link scheduleHandlers} answer from. */
export interface ScheduleHandlersDependencies {
  readonly create: CreateScheduleDependencies;
  readonly reader: ScheduleReader;
  /** What the audit log is told of a call. */
  readonly originOf: (ctx: CallContext) => Origin;
}

/** The handlers of certtasks.task.v1.ScheduleService. */
export function scheduleHandlers(deps: ScheduleHandlersDependencies): Handlers<typeof ScheduleService> {
  const { create, reader, originOf } = deps;
  return {
    async createSchedule(ctx, { parent, scheduleId, interval, taskType, taskPayload }) {
      const schedule = await createSchedule(create, {
        project: parseParent(parent),
        id: scheduleId,
        intervalMs: durationMs(interval) ?? Number.NaN,
        taskType,
        taskPayload: taskPayload ?? {},
        origin: originOf(ctx),
      });
      return { schedule: formatSchedule(schedule) };
    },

    async getSchedule(_ctx, { name }) {
      const ref = parseScheduleName(name);
      const schedule = await reader.find(ref);
      if (schedule === undefined) throw scheduleNotFound(ref);
      return { schedule: formatSchedule(schedule) };
    },

    async listSchedules(_ctx, { parent, pageSize, pageToken }) {
      const project = parseParent(parent);
      const query = { parent };
      const cursor = decodePageToken(pageToken, query);
      const limit = pageSizeOf(pageSize, { whenZero: 50, most: 1_000 });
      // What is in a cursor may have been made up.
      const after = cursor && parseScheduleName(`${parent}/schedules/${cursor['after'] ?? ''}`, 'page_token').id;
      const { schedules, more } = await reader.list({ project, after, limit });
      const last = schedules.at(-1);
      return {
        schedules: schedules.map(formatSchedule),
        nextPageToken: more && last !== undefined ? encodePageToken({ after: last.id }, query) : '',
      };
    },

    async deleteSchedule(ctx, { name }) {
      await deleteSchedule(create.unitOfWork, { ...parseScheduleName(name), origin: originOf(ctx) });
      return {};
    },
  };
}
