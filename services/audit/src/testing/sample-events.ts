import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { ActorKind, type Event, EventSchema, Result } from '@cert-tasks/contracts/event/v1';
import { type LogEntry, logEntry, type ReceivedEvent } from '../domain/log-entry.ts';
import { receivedEvent } from '../infrastructure/feeds/received-event.ts';

/** Fields of an event. */
export type EventFields = Exclude<MessageInitShape<typeof EventSchema>, Event>;

/** A UUID that is the same for the same text of digits. */
export function sampleId(source: string, number: bigint): string {
  const sourceDigits = Buffer.from(source).toString('hex').slice(0, 8).padEnd(8, '0');
  return `${sourceDigits}-0000-7000-8000-${number.toString().padStart(12, '0')}`;
}

/** An event of a source, all of it different by number. */
export function sampleEvent(
  place: { readonly source: string; readonly number: bigint },
  change: EventFields = {},
): Event {
  const { source, number } = place;
  const fields: EventFields = {
    id: sampleId(source, number),
    source,
    number,
    type: 'certificate.created',
    typeVersion: 1,
    subject: `projects/acme/certificates/${number}`,
    time: timestampFromDate(new Date(Date.UTC(2026, 0, 1) + Number(number % 1_000_000n))),
    project: 'acme',
    actor: { kind: ActorKind.USER, id: 'alice', roles: ['operator'] },
    action: 'certtasks.cert.v1.CertificateService/IssueCertificate',
    result: Result.SUCCESS,
    requestId: `request-${number}`,
    salt: new Uint8Array(32).fill(Number(number % 251n)),
    data: { serial: number.toString() },
    ...change,
  };
  return create(EventSchema, fields);
}

/** {@link sampleEvent} as it is received. */
export function sampleReceived(
  place: { readonly source: string; readonly number: bigint },
  change: EventFields = {},
): ReceivedEvent {
  return receivedEvent(sampleEvent(place, change), place);
}

/** {@link sampleEvent} made ready for the log. */
export function sampleEntry(
  place: { readonly source: string; readonly number: bigint },
  change: EventFields = {},
): LogEntry {
  return logEntry(sampleReceived(place, change));
}

/** Entries `from` to `to` of a source. */
export function sampleEntries(source: string, from: bigint, to: bigint): LogEntry[] {
  return Array.from({ length: Number(to - from + 1n) }, (_, i) => sampleEntry({ source, number: from + BigInt(i) }));
}
