import type { Call } from '../call.ts';

/** Types of the events that this service tells; docs/events.md says what each means. */
export type SignerEventType =
  | 'key.created'
  | 'key.disabled'
  | 'signing.performed'
  | 'signing.refused'
  | 'signing.voided';

/** JSON that an event may carry. */
export type EventValue = string | number | boolean | readonly EventValue[] | { readonly [name: string]: EventValue };

/** One event of the audit log. */
export interface SignerEvent {
  readonly type: SignerEventType;
  /** Name of the key that it happened to. */
  readonly subject: string;
  readonly project: string;
  readonly call: Call;
  /** Why it was refused, as the caller is told; undefined where it was done. */
  readonly refusal: string | undefined;
  readonly data: Readonly<Record<string, EventValue>>;
}

/** Events of a transaction: told if and only if it commits. */
export interface EventLog {
  /** MUST be the last statement of its transaction. */
  append(events: readonly SignerEvent[]): Promise<void>;
}
