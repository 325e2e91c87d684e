import { createHash } from 'node:crypto';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type ActorKind, EventSchema, type Result } from '@cert-tasks/contracts/event/v1';
import { expect, test } from 'vitest';
import { receivedEvent } from '../infrastructure/feeds/received-event.ts';
import { type EventFields, sampleEntry, sampleEvent, sampleReceived } from '../testing/sample-events.ts';
import { logEntry } from './log-entry.ts';

const PLACE = { source: 'cert', number: 7n };

function sha256(...parts: readonly (string | Uint8Array)[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

test('an event becomes the salted commitment of docs/adr/0001', () => {
  const entry = sampleEntry(PLACE);
  if (entry.body.kind !== 'event') throw new Error('is an event');
  const { event, canonicalEvent } = entry.body;
  const commitment = sha256('cert-tasks/audit-leaf/v1\0', event.salt, sha256(canonicalEvent));
  expect(Buffer.from(entry.leafData)).toEqual(Buffer.concat([Buffer.of(1), commitment]));
  expect(entry).toMatchObject({ ...PLACE, project: 'acme', eventId: event.id, problem: undefined });
});

const UNREADABLE: readonly [string, EventFields][] = [
  ['id in capitals', { id: 'ABCDEF00-0000-7000-8000-000000000000' }],
  ['id that is none', { id: 'x' }],
  ['project with a slash', { project: 'a/b' }],
  ['no project', { project: '' }],
  ['type that is a word', { type: 'created' }],
  ['type with spaces', { type: 'certificate. created' }],
  ['no version', { typeVersion: 0 }],
  ['short salt', { salt: new Uint8Array(31) }],
  ['null character', { subject: 'a\0b' }],
  ['long subject', { subject: 'x'.repeat(513) }],
  ['long actor', { actor: { id: 'x'.repeat(257) } }],
  ['null character in a role', { actor: { roles: ['\0'] } }],
  ['unknown kind of actor', { actor: { kind: 99 as ActorKind } }],
  ['unknown result', { result: 99 as Result }],
  ['no time', { time: undefined }],
  ['impossible nanoseconds', { time: { seconds: 0n, nanos: -1 } }],
  ['year 10000', { time: { seconds: 253_402_300_800n, nanos: 0 } }],
  ['another source', { source: 'signer' }],
  ['another number', { number: 8n }],
  ['too large', { data: { text: 'x'.repeat(40_000) } }],
];

test.each(UNREADABLE)('an event with %s becomes a raw leaf with its reason', (_name, change) => {
  const raw = toBinary(EventSchema, sampleEvent(PLACE, change));
  const entry = logEntry(receivedEvent(fromBinary(EventSchema, raw), PLACE));
  expect(entry.problem).toEqual(expect.any(String));
  expect(entry).toMatchObject({ ...PLACE, project: 'system' });
  expect(Buffer.from(entry.leafData)).toEqual(Buffer.concat([Buffer.of(2), sha256('cert-tasks/audit-raw/v1\0', raw)]));
  expect(entry.eventId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('data that has no canonical JSON becomes a raw leaf', () => {
  const received = sampleReceived(PLACE);
  if (!('event' in received.content)) throw new Error('is readable');
  for (const data of [{ key: '\ud800' }, { key: Number.NaN }]) {
    const entry = logEntry({ ...received, content: { event: { ...received.content.event, data } } });
    expect(entry.problem).toBe('data has no canonical JSON');
  }
});

test('a field that this version does not know makes a raw leaf: nothing that was said is left out', () => {
  const extended = Buffer.concat([
    toBinary(EventSchema, sampleEvent(PLACE)),
    new BinaryWriter().tag(1_000, WireType.Varint).int32(1).finish(),
  ]);
  const entry = logEntry(receivedEvent(fromBinary(EventSchema, extended), PLACE));
  expect(entry.problem).toBe('field 1000 is not known');
});

test('the same undecodable bytes at two places have two ids', () => {
  const ids = [1n, 2n].map(
    (number) => logEntry({ source: 'cert', number, raw: Uint8Array.of(1), content: { problem: 'x' } }).eventId,
  );
  expect(new Set(ids).size).toBe(2);
});

test('raw bytes that no honest source sends are hashed and not kept', () => {
  const body = (size: number) => logEntry({ ...PLACE, raw: new Uint8Array(size), content: { problem: 'x' } }).body;
  expect(body(65_536)).toEqual({ kind: 'raw', raw: new Uint8Array(65_536) });
  expect(body(65_537)).toEqual({ kind: 'raw', raw: undefined });
});
