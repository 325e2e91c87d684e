import { create, fromBinary, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { ActorKind, type Event, EventSchema, Result } from '@cert-tasks/contracts/event/v1';
import type { EventActorKind, EventResult, NewEvent } from './new-event.ts';
import { OutboxError } from './outbox-error.ts';

/** Most bytes of an encoded event. */
export const MAX_EVENT_BYTES = 32 * 1024;
const MAX_SUBJECT = 512;
const MAX_ACTOR_ID = 256;
const MAX_USER_AGENT = 256;
/** A tag of one byte and a 64-bit varint. */
const MAX_NUMBER_BYTES = 11;
/** Levels of objects and lists in an event's data. */
const MAX_DATA_DEPTH = 16;
const TYPE = /^[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)+$/;
const MAX_TYPE = 100;

const ACTOR_KINDS: Readonly<Record<EventActorKind, ActorKind>> = {
  anonymous: ActorKind.UNSPECIFIED,
  user: ActorKind.USER,
  admin: ActorKind.ADMIN,
  service_acc: ActorKind.SERVICE_ACCOUNT,
  service: ActorKind.SERVICE,
};

const RESULTS: Readonly<Record<EventResult, Result>> = {
  success: Result.SUCCESS,
  refused: Result.REFUSED,
  failure: Result.FAILURE,
};

/** What is made for an event when it is appended. */
export interface EventOrigin {
  readonly id: string;
  readonly source: string;
  readonly time: Date;
  readonly salt: Uint8Array;
}

/**
 * An event without a number as protobuf.
 *
 * @throws OutboxError 'invalid-event', 'event-too-large'.
 */
export function encodeEvent(event: NewEvent, { id, source, time, salt }: EventOrigin): Uint8Array {
  if (!TYPE.test(event.type) || event.type.length > MAX_TYPE) throw invalid(event, 'its type is malformed');
  if (event.subject.length > MAX_SUBJECT) throw invalid(event, `its subject is longer than ${MAX_SUBJECT} characters`);
  if (event.actor.id.length > MAX_ACTOR_ID) throw invalid(event, `its actor is longer than ${MAX_ACTOR_ID} characters`);
  if (event.data !== undefined && !isPlainData(event.data, MAX_DATA_DEPTH)) {
    throw invalid(event, `its data holds a number that is not finite, or is deeper than ${MAX_DATA_DEPTH} levels`);
  }
  const message = create(EventSchema, {
    id,
    source,
    type: event.type,
    typeVersion: event.typeVersion ?? 1,
    subject: event.subject,
    time: timestampFromDate(time),
    project: event.project,
    actor: { kind: ACTOR_KINDS[event.actor.kind], id: event.actor.id, roles: [...(event.actor.roles ?? [])] },
    action: event.action,
    result: RESULTS[event.result],
    reason: event.reason ?? '',
    requestId: event.requestId ?? '',
    traceparent: event.traceparent ?? '',
    peerAddress: event.peerAddress ?? '',
    userAgent: (event.userAgent ?? '').slice(0, MAX_USER_AGENT),
    salt,
    ...(event.data === undefined ? {} : { data: event.data }),
  });
  const bytes = encode(event, message);
  if (bytes.length > MAX_EVENT_BYTES - MAX_NUMBER_BYTES) {
    throw new OutboxError(
      'event-too-large',
      `An event ${event.type} has ${bytes.length} bytes; at most ${MAX_EVENT_BYTES} are allowed. Put less into its data.`,
    );
  }
  return bytes;
}

/**
 * The event with its number. In protobuf the fields of a message may come in any order, so the number is written after the
 * others instead of decoding and encoding them again.
 */
export function appendNumber(body: Uint8Array, number: bigint): Uint8Array {
  const field = new BinaryWriter().tag(EventSchema.field.number.number, WireType.Varint).int64(number).finish();
  const bytes = new Uint8Array(body.length + field.length);
  bytes.set(body);
  bytes.set(field, body.length);
  return bytes;
}

/** A stored body and its number as a message. */
export function decodeEvent(body: Uint8Array, number: bigint): Event {
  const event = fromBinary(EventSchema, body);
  event.number = number;
  return event;
}

/** What publishing needs to know of an event. */
export interface EventHeadings {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly traceparent: string;
}

/** Reads a few text fields of a stored body and skips the rest, which is much faster than decoding it. */
export function readHeadings(body: Uint8Array): EventHeadings {
  const { id, source, type, traceparent } = EventSchema.field;
  const texts = new Map([id, source, type, traceparent].map((field) => [field.number, '']));
  const reader = new BinaryReader(body);
  while (reader.pos < reader.len) {
    const [fieldNumber, wireType] = reader.tag();
    if (texts.has(fieldNumber)) texts.set(fieldNumber, reader.string());
    else reader.skip(wireType, fieldNumber);
  }
  const text = (fieldNumber: number): string => texts.get(fieldNumber) ?? '';
  return {
    id: text(id.number),
    source: text(source.number),
    type: text(type.number),
    traceparent: text(traceparent.number),
  };
}

/** Whether every reader can show it: protobuf can carry numbers that JSON cannot. */
function isPlainData(value: JsonValue, depthLeft: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  return depthLeft > 0 && Object.values(value).every((member: JsonValue) => isPlainData(member, depthLeft - 1));
}

/** A version that is no int32 comes out as an error of the encoder. */
function encode(event: NewEvent, message: Event): Uint8Array {
  try {
    return toBinary(EventSchema, message);
  } catch (cause) {
    throw new OutboxError('invalid-event', `An event ${event.type} cannot be encoded. Correct what makes it.`, {
      cause,
    });
  }
}

function invalid(event: NewEvent, reason: string): OutboxError {
  return new OutboxError(
    'invalid-event',
    `An event ${JSON.stringify(event.type.slice(0, MAX_TYPE))} cannot be appended: ${reason}. Correct what makes it.`,
  );
}
