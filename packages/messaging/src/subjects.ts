import { MessagingError } from './messaging-error.ts';

/** The services' names in subjects, streams and NATS users: the short ones, as in schemas and proto packages. */
const SERVICE_TOKENS: Readonly<Record<string, string>> = {
  cert: 'cert',
  signer: 'signer',
  'task-scheduler': 'task',
  audit: 'audit',
};

/** A token is one word; an event's type may have several. */
const TYPE = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/** Name of the stream of a service's events. @throws MessagingError 'unknown-source'. */
export function eventStream(source: string): string {
  return `EVENTS_${token(source).toUpperCase()}`;
}

/** Subject pattern of all events of a service. @throws MessagingError 'unknown-source'. */
export function eventSubjects(source: string): string {
  return `events.${token(source)}.>`;
}

/** Subject of an event. @throws MessagingError 'unknown-source'. @throws RangeError when the type is malformed. */
export function eventSubject({ source, type }: { source: string; type: string }): string {
  if (!TYPE.test(type)) throw new RangeError('The type of an event is words with dots between.');
  return `events.${token(source)}.${type}`;
}

/** The service that owns an event's subject; undefined when it is none of the platform's. */
export function sourceOfSubject(subject: string): string | undefined {
  const [root, service] = subject.split('.', 2);
  if (root !== 'events') return undefined;
  return Object.keys(SERVICE_TOKENS).find((source) => SERVICE_TOKENS[source] === service);
}

/** Subject of a hint of a service. @throws MessagingError 'unknown-source'. @throws RangeError when the name is malformed. */
export function hintSubject({ source, name }: { source: string; name: string }): string {
  if (!TYPE.test(name)) throw new RangeError('The name of a hint is words with dots between.');
  return `hints.${token(source)}.${name}`;
}

function token(source: string): string {
  const found = Object.hasOwn(SERVICE_TOKENS, source) ? SERVICE_TOKENS[source] : undefined;
  if (found !== undefined) return found;
  throw new MessagingError('unknown-source', `${JSON.stringify(source)} is no service of the platform.`);
}
