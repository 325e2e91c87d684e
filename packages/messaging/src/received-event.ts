import { fromBinary } from '@bufbuild/protobuf';
import { type Event, EventSchema } from '@cert-tasks/contracts/event/v1';
import { sourceOfSubject } from './subjects.ts';

/** An event is at most this long. */
const MAX_EVENT_BYTES = 32 * 1024;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** An event as it came in. */
export interface ReceivedEvent {
  readonly event: Event;
  /** The message's bytes: the event as its producer encoded it. */
  readonly raw: Uint8Array;
}

/** A message on a subject for events that is no event of that subject's owner. */
export interface UndecodableMessage {
  readonly raw: Uint8Array;
  /** The service that owns the subject; undefined when none does. */
  readonly source: string | undefined;
  readonly subject: string;
  /** What is wrong with it, in a few words that hold nothing of the message. */
  readonly reason: string;
}

/** Reads a message. The subject says who sent it, for NATS lets a service publish on its own subjects only. */
export function readMessage({
  subject,
  raw,
}: {
  subject: string;
  raw: Uint8Array;
}): ReceivedEvent | UndecodableMessage {
  const source = sourceOfSubject(subject);
  const undecodable = (reason: string): UndecodableMessage => ({ raw, source, subject, reason });
  if (source === undefined) return undecodable('the subject belongs to no service');
  if (raw.length > MAX_EVENT_BYTES) return undecodable(`longer than ${MAX_EVENT_BYTES} bytes`);
  let event: Event;
  try {
    event = fromBinary(EventSchema, raw);
  } catch {
    return undecodable('no protobuf of an event');
  }
  if (event.source !== source) return undecodable('its source is not the owner of the subject');
  if (event.number <= 0n) return undecodable('it has no number');
  if (!UUID.test(event.id)) return undecodable('its id is no UUID');
  return { event, raw };
}
