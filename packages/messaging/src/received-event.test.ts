import { create, toBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@cert-tasks/contracts/event/v1';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readMessage } from './received-event.ts';

const event = {
  id: '01890a5d-ac96-774b-bcce-b302099a8057',
  source: 'task-scheduler',
  number: 7n,
  type: 'task.created',
};
const bytes = (change: object = {}): Uint8Array => toBinary(EventSchema, create(EventSchema, { ...event, ...change }));
const subject = 'events.task.task.created';

describe('readMessage', () => {
  it('reads an event of the subject’s owner', () => {
    const raw = bytes();
    expect(readMessage({ subject, raw })).toMatchObject({ event, raw });
  });

  it.each([
    ['a subject of nobody', 'events.other.x', bytes()],
    ['another source than the subject’s owner', subject, bytes({ source: 'cert' })],
    ['no source', subject, bytes({ source: '' })],
    ['no number', subject, bytes({ number: 0n })],
    ['a negative number', subject, bytes({ number: -1n })],
    ['an id that is no UUID', subject, bytes({ id: '../x' })],
    ['no protobuf', subject, new TextEncoder().encode('hello')],
    ['nothing', subject, new Uint8Array()],
    ['too much', subject, bytes({ userAgent: 'x'.repeat(40_000) })],
  ])('takes %s for no event', (_what, on, raw) => {
    const read = readMessage({ subject: on, raw });
    expect('reason' in read && read.reason).toMatch(/./);
    expect(read).toMatchObject({ raw, subject: on, source: on === subject ? 'task-scheduler' : undefined });
  });

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => {
        readMessage({ subject, raw });
      }),
    );
  });
});
