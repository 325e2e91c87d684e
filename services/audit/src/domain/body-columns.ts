/** What a body is found by, beside its index. */
export interface BodyColumns {
  readonly project: string;
  readonly source: string;
  readonly type: string;
  readonly actorKind: string;
  readonly actor: string;
  readonly subject: string;
  readonly action: string;
  readonly result: string;
  readonly time: Date;
}

/** What a canonical event says that it is to be found by, and its place. */
export function bodyColumnsOf(canonicalEvent: string): BodyColumns & { readonly id: string; readonly number: string } {
  const event: unknown = JSON.parse(canonicalEvent);
  const actor = member(event, 'actor');
  return {
    id: text(event, 'id'),
    number: text(event, 'number'),
    project: text(event, 'project'),
    source: text(event, 'source'),
    type: text(event, 'type'),
    actorKind: text(actor, 'kind'),
    actor: text(actor, 'id'),
    subject: text(event, 'subject'),
    action: text(event, 'action'),
    result: text(event, 'result'),
    time: new Date(text(event, 'time')),
  };
}

function text(object: unknown, key: string): string {
  const value = member(object, key);
  return typeof value === 'string' ? value : '';
}

function member(object: unknown, key: string): unknown {
  if (typeof object !== 'object' || object === null || !Object.hasOwn(object, key)) return undefined;
  const value: unknown = Reflect.get(object, key);
  return value;
}
