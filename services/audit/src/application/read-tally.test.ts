import { fakeClock } from '@cert-tasks/testkit';
import { expect, test } from 'vitest';
import type { OwnEvent } from '../domain/own-event.ts';
import { type LogRead, ReadTally } from './read-tally.ts';

function setUp() {
  const told: OwnEvent[] = [];
  const clock = fakeClock();
  const events = {
    failure: undefined as Error | undefined,
    append: async (some: readonly OwnEvent[]) => {
      if (events.failure !== undefined) throw events.failure;
      told.push(...some);
    },
  };
  return { told, clock, events, tally: new ReadTally({ events, clock }) };
}

const READ: LogRead = {
  actor: { kind: 'user', id: 'alice', roles: ['auditor'] },
  project: 'acme',
  method: 'certtasks.audit.v1.AuditService/ListAuditEntries',
  peerAddress: '127.0.0.1',
  userAgent: 'curl',
};

test('counts the reads of a minute into one event of each principal, project and method', async () => {
  const { told, clock, tally } = setUp();
  tally.count(READ);
  clock.advance(20_000);
  tally.count(READ);
  tally.count({ ...READ, project: 'other' });
  tally.count({ ...READ, method: 'x' });
  tally.count({ ...READ, actor: { ...READ.actor, kind: 'admin' } });
  await tally.flush({ all: false });
  expect(told).toEqual([]);
  clock.advance(40_000);
  await tally.flush({ all: false });
  expect(told).toEqual([
    {
      type: 'log.read',
      subject: 'projects/acme',
      project: 'acme',
      actor: READ.actor,
      action: READ.method,
      result: 'success',
      reason: '',
      peerAddress: '127.0.0.1',
      userAgent: 'curl',
      data: { count: 2, from: '2026-01-01T00:00:00.000Z', to: '2026-01-01T00:00:20.000Z' },
    },
  ]);
  await tally.flush({ all: true });
  expect(told).toHaveLength(4);
  await tally.flush({ all: true });
  expect(told).toHaveLength(4);
});

test('what could not be told is told later, with what came meanwhile', async () => {
  const { told, events, tally } = setUp();
  tally.count(READ);
  events.failure = new Error('no database');
  await expect(tally.flush({ all: true })).rejects.toThrow('no database');
  tally.count(READ);
  events.failure = undefined;
  await tally.flush({ all: true });
  expect(told.map(({ data }) => data['count'])).toEqual([2]);
});
