import type { JsonObject } from './json-value.ts';

/** The kinds of callers, by the names of certtasks.event.v1.ActorKind; empty where nobody was authenticated. */
export const ACTOR_KINDS = [
  '',
  'ACTOR_KIND_USER',
  'ACTOR_KIND_ADMIN',
  'ACTOR_KIND_SERVICE_ACCOUNT',
  'ACTOR_KIND_SERVICE',
] as const;

/** How actions end, by the names of certtasks.event.v1.Result; empty where nothing was said. */
export const RESULTS = ['', 'RESULT_SUCCESS', 'RESULT_REFUSED', 'RESULT_FAILURE'] as const;

/** See {@link ACTOR_KINDS}. */
export type ActorKind = (typeof ACTOR_KINDS)[number];
/** See {@link RESULTS}. */
export type Result = (typeof RESULTS)[number];

/** Who acted. */
export interface Actor {
  readonly kind: ActorKind;
  readonly id: string;
  readonly roles: readonly string[];
}

/** An event as its source told it: certtasks.event.v1.Event. Empty text stands for a field that was not set. */
export interface AuditEvent {
  readonly id: string;
  readonly source: string;
  readonly number: bigint;
  readonly type: string;
  readonly typeVersion: number;
  readonly subject: string;
  /** Whole milliseconds; what a source gives beyond them is cut off. */
  readonly time: Date;
  readonly project: string;
  readonly actor: Actor | undefined;
  readonly action: string;
  readonly result: Result;
  readonly reason: string;
  readonly requestId: string;
  readonly traceparent: string;
  readonly peerAddress: string;
  readonly userAgent: string;
  readonly salt: Uint8Array;
  readonly data: JsonObject | undefined;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const PROJECT = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const TYPE = /^[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)+$/;
const SALT_BYTES = 32;
const MAX_ROLES = 64;
// Both are what RFC 3339 can write, with four digits for the year.
const FIRST_TIME_MS = Date.parse('0001-01-01T00:00:00.000Z');
const LAST_TIME_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** Most characters of each text field: of those that are indexed what certtasks.event.v1.Event states, of others no more than is sane. */
const MAX_LENGTHS = [
  ['type', 128],
  ['subject', 512],
  ['action', 512],
  ['reason', 1_024],
  ['requestId', 1_024],
  ['traceparent', 1_024],
  ['peerAddress', 1_024],
  ['userAgent', 1_024],
] as const satisfies readonly (readonly [keyof AuditEvent, number])[];

const MAX_ACTOR_ID = 256;
const MAX_ROLE = 64;

/** Whether the text is a UUID as event ids are written: lower case. */
export function isEventId(text: string): boolean {
  return UUID.test(text);
}

/** Whether the text can name a project. */
export function isProject(text: string): boolean {
  return PROJECT.test(text);
}

/**
 * What is wrong with an event, in a few words for a person; undefined where it can be entered as it is. A source that was
 * taken over may send anything: what is entered ends up in text columns and indexes.
 */
export function eventProblem(event: AuditEvent): string | undefined {
  if (!isEventId(event.id)) return 'id is no UUID in lower case';
  if (!isProject(event.project)) return 'project is no project name';
  if (!TYPE.test(event.type)) return 'type is no dotted name';
  if (!Number.isInteger(event.typeVersion) || event.typeVersion < 1) return 'type_version is not 1 or more';
  if (event.salt.length !== SALT_BYTES) return 'salt is not 32 bytes';
  const at = event.time.getTime();
  if (!(at >= FIRST_TIME_MS && at <= LAST_TIME_MS)) return 'time is outside the years 1 to 9999';
  for (const [field, max] of MAX_LENGTHS) {
    const problem = textProblem(event[field], { field, max });
    if (problem !== undefined) return problem;
  }
  return event.actor && actorProblem(event.actor);
}

function actorProblem(actor: Actor): string | undefined {
  if (actor.roles.length > MAX_ROLES) return `actor.roles are more than ${MAX_ROLES}`;
  return (
    textProblem(actor.id, { field: 'actor.id', max: MAX_ACTOR_ID }) ??
    actor.roles.map((role) => textProblem(role, { field: 'actor.roles', max: MAX_ROLE })).find((found) => found)
  );
}

/** PostgreSQL has no text with U+0000; canonical JSON none with lone surrogates. */
function textProblem(text: string, { field, max }: { field: string; max: number }): string | undefined {
  if (text.length > max) return `${field} is longer than ${max} characters`;
  if (text.includes('\0')) return `${field} has a null character`;
  if (!text.isWellFormed()) return `${field} is not well-formed text`;
  return undefined;
}
