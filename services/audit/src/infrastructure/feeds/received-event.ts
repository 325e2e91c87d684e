import { toBinary } from '@bufbuild/protobuf';
import { ActorKindSchema, type Event, EventSchema, ResultSchema } from '@cert-tasks/contracts/event/v1';
import { ACTOR_KINDS, type Actor, type AuditEvent, RESULTS } from '../../domain/audit-event.ts';
import type { ReceivedEvent } from '../../domain/log-entry.ts';

/**
 * An event as it came in, for the place that its source gave it. What the log cannot read whole (a field or an enum value that
 * this version does not know) comes with its problem: entering only what is understood would say less than the source said.
 */
export function receivedEvent(
  message: Event,
  place: { readonly source: string; readonly number: bigint },
): ReceivedEvent {
  // Encoded anew, with unknown fields: the same however it was transported.
  const raw = toBinary(EventSchema, message);
  const problem = unreadable(message);
  return { ...place, raw, content: problem === undefined ? { event: auditEvent(message) } : { problem } };
}

function unreadable({ $unknown, actor, time, result }: Event): string | undefined {
  if ($unknown !== undefined && $unknown.length > 0) return `field ${$unknown[0]?.no} is not known`;
  if (actor?.$unknown !== undefined && actor.$unknown.length > 0) {
    return `field ${actor.$unknown[0]?.no} of actor is not known`;
  }
  if (actor !== undefined && enumName(ActorKindSchema, actor.kind) === undefined) {
    return `actor.kind ${actor.kind} is not known`;
  }
  if (enumName(ResultSchema, result) === undefined) return `result ${result} is not known`;
  if (time === undefined) return 'time is missing';
  if (time.nanos < 0 || time.nanos > 999_999_999) return 'time has impossible nanoseconds';
  return undefined;
}

function auditEvent(message: Event): AuditEvent {
  const { id, source, number, type, typeVersion, subject, project, action, reason, salt, data } = message;
  const { requestId, traceparent, peerAddress, userAgent, actor, result, time } = message;
  return {
    id,
    source,
    number,
    type,
    typeVersion,
    subject,
    time: new Date(Number(time?.seconds ?? Number.NaN) * 1_000 + Math.floor((time?.nanos ?? 0) / 1_000_000)),
    project,
    actor: actor === undefined ? undefined : auditActor(actor),
    action,
    result: RESULTS.find((name) => name === enumName(ResultSchema, result)) ?? '',
    reason,
    requestId,
    traceparent,
    peerAddress,
    userAgent,
    salt,
    data,
  };
}

function auditActor({ kind, id, roles }: NonNullable<Event['actor']>): Actor {
  return { kind: ACTOR_KINDS.find((name) => name === enumName(ActorKindSchema, kind)) ?? '', id, roles };
}

function enumName(desc: typeof ActorKindSchema | typeof ResultSchema, number: number): string | undefined {
  return desc.values.find((value) => value.number === number)?.name;
}
