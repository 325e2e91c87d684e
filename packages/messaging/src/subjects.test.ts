import { describe, expect, it } from 'vitest';
import { eventStream, eventSubject, eventSubjects, hintSubject, sourceOfSubject } from './subjects.ts';

describe('subjects', () => {
  it.each([
    ['cert', 'EVENTS_CERT', 'events.cert.>', 'events.cert.certificate.created'],
    ['task-scheduler', 'EVENTS_TASK', 'events.task.>', 'events.task.certificate.created'],
  ])('of %s', (source, stream, all, one) => {
    expect(eventStream(source)).toBe(stream);
    expect(eventSubjects(source)).toBe(all);
    expect(eventSubject({ source, type: 'certificate.created' })).toBe(one);
    expect(sourceOfSubject(one)).toBe(source);
    expect(hintSubject({ source, name: 'outbox' })).toBe(`hints.${all.split('.')[1]}.outbox`);
  });

  it.each(['events.other.x', 'events', 'hints.cert.x', 'events.constructor.x', '', 'events.task-scheduler.x'])(
    '%j belongs to no service',
    (subject) => {
      expect(sourceOfSubject(subject)).toBeUndefined();
    },
  );

  it('refuse what would reach other subjects', () => {
    for (const type of ['a.>', 'a.*', 'a..b', '', 'a b'])
      expect(() => eventSubject({ source: 'cert', type })).toThrow(RangeError);
    expect(() => eventStream('other')).toThrow(expect.objectContaining({ code: 'unknown-source' }));
    expect(() => eventStream('toString')).toThrow(expect.objectContaining({ code: 'unknown-source' }));
  });
});
