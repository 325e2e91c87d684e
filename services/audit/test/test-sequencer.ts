import { LeasedLoop } from '@cert-tasks/db';
import { systemClock } from '@cert-tasks/kernel';
import { recordingObserver } from '@cert-tasks/testkit';
import type { EventPush } from '../src/application/ports/event-push.ts';
import type { LogObserver } from '../src/application/ports/log-observer.ts';
import type { SourceIntake } from '../src/application/source-intake.ts';
import { PositionJob } from '../src/delivery/jobs/position-job.ts';
import { SequencingJob } from '../src/delivery/jobs/sequencing-job.ts';
import type { Conflict } from '../src/domain/conflict.ts';
import type { TestFeed } from '../src/testing/test-feed.ts';
import { type AuditDatabase, LEASES } from './audit-database.ts';

/** A sequencer as the service has it, with feeds and a push of a test's own. */
export function testSequencer(
  database: AuditDatabase,
  options: {
    readonly feeds: readonly TestFeed[];
    readonly push?: EventPush;
    readonly holder?: string;
    readonly ttlMs?: number;
  },
) {
  const { feeds, push, holder = 'one', ttlMs = 10_000 } = options;
  const { reader, work } = database.stores();
  const observer = recordingObserver();
  const conflicts: Conflict[] = [];
  const state: { intakes: readonly SourceIntake[]; unreadable: number } = { intakes: [], unreadable: 0 };
  const logObserver: LogObserver = {
    appended: () => undefined,
    conflicted: (conflict) => void conflicts.push(conflict),
    unreadable: () => {
      state.unreadable += 1;
    },
    checkpointed: () => undefined,
    forked: () => undefined,
  };
  const positions = new PositionJob({ feeds });
  const job = new SequencingJob({
    feeds,
    push,
    log: reader,
    work,
    clock: systemClock,
    observer,
    logObserver,
    onIntakes: (intakes) => {
      state.intakes = intakes;
    },
    onPositions: (reached) => positions.reached(reached),
    onAppended: () => undefined,
    onOwnEvents: () => undefined,
    wake: () => loop.wake(),
  });
  const loop = new LeasedLoop({
    name: `sequence-${holder}`,
    holder: database.lease(LEASES.sequencer, holder, ttlMs),
    intervalMs: 100,
    observer,
    run: (run) => job.run(run),
  });
  return {
    observer,
    conflicts,
    state,
    positions,
    loop,
    start: () => loop.start(),
    stop: async () => {
      await loop.stop();
      await job.stop();
    },
  };
}
