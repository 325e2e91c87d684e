import { bytesToHex } from '@cert-tasks/kernel';
import { leafCommitment, leafHash, MerkleError, rawLeafCommitment } from '@cert-tasks/merkle';
import { type AuditEvent, eventProblem } from './audit-event.ts';
import { canonicalEvent } from './canonical-event.ts';

/** Whose project entries belong to that no project can be read from. */
export const PLATFORM_PROJECT = 'system';

/** Producers cap an event at this many bytes. */
export const MAX_EVENT_BYTES = 32 * 1_024;

/** Raw bytes beyond this are hashed but not kept: nothing that an honest source sends is as large. */
const MAX_KEPT_RAW_BYTES = 2 * MAX_EVENT_BYTES;

/** What a source delivered under a number, before the log has judged it. */
export interface ReceivedEvent {
  readonly source: string;
  /** Its place in the source, from 1. */
  readonly number: bigint;
  /** Encoded as protobuf, in our own encoding of what was read, so that the way it came makes no difference. */
  readonly raw: Uint8Array;
  /** The event, or why it could not be read. */
  readonly content: { readonly event: AuditEvent } | { readonly problem: string };
}

/** The body of an entry: what its leaf commits to, and what it is found by. It can be erased; the leaf stays. */
export type EntryBody =
  | { readonly kind: 'event'; readonly event: AuditEvent; readonly canonicalEvent: string }
  | { readonly kind: 'raw'; readonly raw: Uint8Array | undefined };

/** An event made ready for the log, without its index. */
export interface LogEntry {
  readonly source: string;
  readonly number: bigint;
  /** The event's UUID; for a raw leaf one derived from it. */
  readonly eventId: string;
  readonly project: string;
  /** 33 bytes: what the tree holds. */
  readonly leafData: Uint8Array;
  /** Why the leaf is a raw one. */
  readonly problem: string | undefined;
  readonly body: EntryBody;
  /** The encoded event, for the case that the leaf must become a raw one after all. */
  readonly raw: Uint8Array;
}

/**
 * Makes an entry of what a source delivered. Whatever it is, it becomes a leaf: what cannot be entered as an event is
 * entered as the hash of its bytes, with the reason, so that it blocks nothing behind it.
 */
export function logEntry(received: ReceivedEvent): LogEntry {
  const { content, raw } = received;
  if ('problem' in content) return rawEntry(received, content.problem);
  const { event } = content;
  if (event.source !== received.source) return rawEntry(received, 'source is not that of the feed');
  if (event.number !== received.number) return rawEntry(received, 'number is not that of its place');
  if (raw.length > MAX_EVENT_BYTES) return rawEntry(received, `larger than ${MAX_EVENT_BYTES} bytes`);
  const problem = eventProblem(event);
  if (problem !== undefined) return rawEntry(received, problem);
  try {
    const canonical = canonicalEvent(event);
    const leafData = leafCommitment({ salt: event.salt, canonicalEvent: new TextEncoder().encode(canonical) });
    return {
      source: received.source,
      number: received.number,
      eventId: event.id,
      project: event.project,
      leafData,
      problem: undefined,
      body: { kind: 'event', event, canonicalEvent: canonical },
      raw,
    };
  } catch (error) {
    if (!(error instanceof MerkleError)) throw error;
    return rawEntry(received, 'data has no canonical JSON');
  }
}

/** The entry of an event that is not entered as one. */
export function rawEntry(
  { source, number, raw }: Pick<ReceivedEvent, 'source' | 'number' | 'raw'>,
  problem: string,
): LogEntry {
  const leafData = rawLeafCommitment(raw);
  return {
    source,
    number,
    eventId: rawEntryId({ source, number, leafData }),
    project: PLATFORM_PROJECT,
    leafData,
    problem,
    body: { kind: 'raw', raw: raw.length <= MAX_KEPT_RAW_BYTES ? raw : undefined },
    raw,
  };
}

/** The id of a raw entry: the same for the same content at the same place, and for no other. */
export function rawEntryId({ source, number, leafData }: Pick<LogEntry, 'source' | 'number' | 'leafData'>): string {
  const place = new TextEncoder().encode(`cert-tasks/raw-entry-id/v1\0${source}/${number}/`);
  const bytes = leafHash(Buffer.concat([place, leafData])).slice(0, 16);
  // RFC 9562, 5.8: version 8, whose other bits are the maker's own; 4.1: the variant.
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytesToHex(bytes);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
