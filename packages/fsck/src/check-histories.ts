import { findHistoryBreaches } from '@cert-tasks/service-task-scheduler/fsck';
import type { Breach } from './breach.ts';
import type { DoorInput } from './check.ts';

/** A task ends exactly once (DESIGN 3.4), and its row is the sum of its events: task-scheduler's own check. */
export async function* checkHistories({ databases, settleSeconds }: DoorInput): AsyncIterable<Breach> {
  for await (const { kind, task, problem } of findHistoryBreaches(databases.task, { settleSeconds })) {
    yield { invariant: kind, subject: task.includes('/') ? task : `task ${task}`, detail: problem };
  }
}
