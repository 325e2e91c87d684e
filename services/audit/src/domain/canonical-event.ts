import { canonicalJson } from '@cert-tasks/merkle';
import type { Actor, AuditEvent } from './audit-event.ts';

/**
 * The event as RFC 8785 JSON: what its leaf commits to (docs/adr/0001). All fields but the salt under their lowerCamelCase
 * names; 64-bit numbers as decimal strings, enum values by name, the time as RFC 3339 with milliseconds; empty fields
 * left out, but nothing of what is inside `data`.
 *
 * @throws MerkleError `INVALID_JSON_VALUE` where the data has no canonical form.
 */
export function canonicalEvent(event: AuditEvent): string {
  const { id, source, type, typeVersion, subject, project, action, result, reason, data } = event;
  const { requestId, traceparent, peerAddress, userAgent } = event;
  return canonicalJson({
    number: event.number.toString(),
    time: event.time.toISOString(),
    ...(typeVersion !== 0 && { typeVersion }),
    ...withoutEmpty({ id, source, type, subject, project, action, result, reason }),
    ...withoutEmpty({ requestId, traceparent, peerAddress, userAgent }),
    ...(event.actor !== undefined && withoutEmptyActor(event.actor)),
    ...(data !== undefined && Object.keys(data).length > 0 && { data }),
  });
}

function withoutEmptyActor({ kind, id, roles }: Actor): object {
  const actor = { ...withoutEmpty({ kind, id }), ...(roles.length > 0 && { roles }) };
  return Object.keys(actor).length === 0 ? {} : { actor };
}

function withoutEmpty(fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''));
}
