import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ActorKind, EventSchema, Result } from '@cert-tasks/contracts/event/v1';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { appendNumber, decodeEvent, encodeEvent, MAX_EVENT_BYTES, readHeadings } from './event-encoding.ts';
import type { NewEvent } from './new-event.ts';

const origin = {
  id: '01890a5d-ac96-774b-bcce-b302099a8057',
  source: 'cert',
  time: new Date('2026-01-02T03:04:05.678Z'),
  salt: new Uint8Array(32).fill(7),
};

const event: NewEvent = {
  type: 'certificate.created',
  subject: 'projects/acme/certificates/c1',
  project: 'acme',
  actor: { kind: 'service_acc', id: 'robot', roles: ['operator'] },
  action: 'certtasks.cert.v1.CertificateService/IssueCertificate',
  result: 'success',
  requestId: 'r1',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  peerAddress: '10.0.0.1',
  userAgent: 'grpc-go/1.0',
  data: { serial: 'ab12', days: 90, names: ['a.example'], nested: { ok: true, none: null } },
};

describe('encodeEvent', () => {
  it('writes every field', () => {
    expect(fromBinary(EventSchema, encodeEvent(event, origin))).toMatchObject({
      id: origin.id,
      source: 'cert',
      number: 0n,
      type: 'certificate.created',
      typeVersion: 1,
      subject: event.subject,
      time: { seconds: 1_767_323_045n, nanos: 678_000_000 },
      project: 'acme',
      actor: { kind: ActorKind.SERVICE_ACCOUNT, id: 'robot', roles: ['operator'] },
      action: event.action,
      result: Result.SUCCESS,
      reason: '',
      requestId: 'r1',
      traceparent: event.traceparent,
      peerAddress: '10.0.0.1',
      userAgent: 'grpc-go/1.0',
      salt: origin.salt,
      data: event.data,
    });
  });

  it('cuts the user agent, which is the caller’s text', () => {
    const bytes = encodeEvent({ ...event, userAgent: 'u'.repeat(10_000) }, origin);
    expect(fromBinary(EventSchema, bytes).userAgent).toHaveLength(256);
  });

  it('refuses what is larger than 32 KiB with its number, and nothing smaller', () => {
    const ofSize = (length: number) => encodeEvent({ ...event, data: { text: 'x'.repeat(length) } }, origin);
    const overhead = ofSize(16_384).length - 16_384;
    const largest = ofSize(MAX_EVENT_BYTES - 11 - overhead);
    expect(appendNumber(largest, 2n ** 62n).length).toBeLessThanOrEqual(MAX_EVENT_BYTES);
    expect(() => ofSize(MAX_EVENT_BYTES - 10 - overhead)).toThrow(expect.objectContaining({ code: 'event-too-large' }));
  });

  it.each<[string, Partial<NewEvent>]>([
    ['a type of one word', { type: 'created' }],
    ['a type with other characters', { type: 'certificate.created now' }],
    ['a type with a wildcard', { type: 'certificate.*' }],
    ['a subject that is too long', { subject: 's'.repeat(513) }],
    ['an actor that is too long', { actor: { kind: 'user', id: 'u'.repeat(257) } }],
    ['data that JSON does not have', { data: { list: [{ n: Number.NaN }] } }],
    ['data that is too deep', { data: { a: JSON.parse('['.repeat(16) + ']'.repeat(16)) } }],
    ['a version that is no int32', { typeVersion: 2 ** 31 }],
  ])('refuses %s', (_what, change) => {
    expect(() => encodeEvent({ ...event, ...change }, origin)).toThrow(
      expect.objectContaining({ code: 'invalid-event' }),
    );
  });
});

describe('appendNumber', () => {
  const numbers = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n });

  it('gives what encoding the event with its number would mean', () => {
    const body = encodeEvent(event, origin);
    fc.assert(
      fc.property(numbers, (number) => {
        const message = fromBinary(EventSchema, appendNumber(body, number));
        const whole = create(EventSchema, { ...fromBinary(EventSchema, body), number });
        expect(message).toEqual(whole);
        expect(message).toEqual(decodeEvent(body, number));
        // Another decoder reads the same from one encoded in one go.
        expect(fromBinary(EventSchema, toBinary(EventSchema, whole))).toEqual(message);
      }),
    );
  });

  it('writes field 3 as a varint', () => {
    expect(appendNumber(new Uint8Array(), 300n)).toEqual(new Uint8Array([0x18, 0xac, 0x02]));
  });
});

describe('readHeadings', () => {
  it('reads the fields that a decoder reads, whatever else there is', () => {
    const text = fc.string({ maxLength: 20 });
    fc.assert(
      fc.property(text, text, text, text, text, (id, source, type, traceparent, other) => {
        const message = create(EventSchema, {
          id,
          source,
          type,
          traceparent,
          subject: other,
          number: 5n,
          actor: { id: other, roles: [other] },
          data: { [other]: other },
          salt: origin.salt,
        });
        expect(readHeadings(toBinary(EventSchema, message))).toEqual({ id, source, type, traceparent });
      }),
    );
  });
});
