import { create, toJson } from '@bufbuild/protobuf';
import { ActorSchema, EventSchema } from '@cert-tasks/contracts/event/v1';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { receivedEvent } from '../infrastructure/feeds/received-event.ts';
import { sampleEvent } from '../testing/sample-events.ts';
import { canonicalEvent } from './canonical-event.ts';

function canonical(message: ReturnType<typeof sampleEvent>): string {
  const { content } = receivedEvent(message, message);
  if (!('event' in content)) throw new Error(content.problem);
  return canonicalEvent(content.event);
}

test('is RFC 8785 JSON of all fields but the salt, empty ones left out', () => {
  // Written by hand from docs/adr/0001 and RFC 8785, 3.2: keys in order, no spaces.
  expect(canonical(sampleEvent({ source: 'cert', number: 7n }, { data: { b: [1, null, {}], a: '' } }))).toBe(
    '{"action":"certtasks.cert.v1.CertificateService/IssueCertificate",' +
      '"actor":{"id":"alice","kind":"ACTOR_KIND_USER","roles":["operator"]},' +
      '"data":{"a":"","b":[1,null,{}]},' +
      '"id":"63657274-0000-7000-8000-000000000007","number":"7","project":"acme","requestId":"request-7",' +
      '"result":"RESULT_SUCCESS","source":"cert","subject":"projects/acme/certificates/7",' +
      '"time":"2026-01-01T00:00:00.007Z","type":"certificate.created","typeVersion":1}',
  );
});

test('an actor, data and a result that say nothing are left out', () => {
  const { actor: _actor, data: _data, ...event } = sampleEvent({ source: 'cert', number: 1n }, { result: 0 });
  const texts = [
    canonical(create(EventSchema, { ...event })),
    canonical(create(EventSchema, { ...event, actor: create(ActorSchema), data: {} })),
  ];
  for (const text of texts) expect(Object.keys(JSON.parse(text))).not.toContain('actor');
  expect(texts[0]).toBe(texts[1]);
  expect(texts[0]).not.toMatch(/data|result/);
});

test('says the same as the JSON form of protobuf, which another library writes', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 20 });
  const events = fc.record({
    subject: text,
    reason: text,
    userAgent: text,
    requestId: text,
    actor: fc.option(
      fc.record({ id: text, roles: fc.array(text, { maxLength: 3 }), kind: fc.integer({ min: 0, max: 4 }) }),
      { nil: undefined },
    ),
    result: fc.integer({ min: 0, max: 3 }),
    ms: fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }),
    data: fc.dictionary(text, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }),
  });
  fc.assert(
    fc.property(events, ({ ms, data, actor, ...fields }) => {
      const seconds = BigInt(Math.floor(ms / 1_000));
      const time = { seconds, nanos: (ms - Number(seconds) * 1_000) * 1_000_000 };
      const message = sampleEvent(
        { source: 'cert', number: 2n ** 62n },
        { ...fields, time, data: JSON.parse(JSON.stringify(data)), ...(actor !== undefined && { actor }) },
      );
      const { salt: _salt, ...expected } = JSON.parse(JSON.stringify(toJson(EventSchema, message)));
      expected.time = new Date(ms).toISOString();
      if (Object.keys(expected.data).length === 0) delete expected.data;
      if (Object.keys(expected.actor).length === 0) delete expected.actor;
      expect(JSON.parse(canonical(message))).toEqual(expected);
    }),
    { numRuns: 200 },
  );
});
