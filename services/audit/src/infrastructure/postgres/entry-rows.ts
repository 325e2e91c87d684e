import { PG_OID, type Tx } from '@cert-tasks/db';
import type { AuditEvent } from '../../domain/audit-event.ts';
import type { StoredEntry } from '../../domain/entry-query.ts';
import type { LogEntry } from '../../domain/log-entry.ts';

type IndexedEntry = LogEntry & { readonly index: bigint };

/** Inserts entries: one statement, whatever their number. */
export async function insertEntries({ sql }: Tx, entries: readonly IndexedEntry[]): Promise<void> {
  const texts = (text: (entry: IndexedEntry) => string | null) => sql.array(entries.map(text), PG_OID.text);
  await sql`
    insert into entries (index, source, number, event_id, project, leaf_data, problem, integrated_at)
    select e.*, clock_timestamp() from unnest(
      ${sql.array(
        entries.map(({ index }) => index),
        PG_OID.int8,
      )}::int8[],
      ${texts(({ source }) => source)}::text[],
      ${sql.array(
        entries.map(({ number }) => number),
        PG_OID.int8,
      )}::int8[],
      ${sql.array(
        entries.map(({ eventId }) => eventId),
        PG_OID.uuid,
      )}::uuid[],
      ${texts(({ project }) => project)}::text[],
      ${sql.array(
        entries.map(({ leafData }) => leafData),
        PG_OID.bytea,
      )}::bytea[],
      ${texts(({ problem }) => problem ?? null)}::text[]) as e`;
}

/** Inserts the bodies of entries. */
export async function insertBodies(tx: Tx, entries: readonly IndexedEntry[]): Promise<void> {
  const events: EventBody[] = [];
  const raws: { index: bigint; raw: Uint8Array | null }[] = [];
  for (const { index, body } of entries) {
    if (body.kind === 'event') events.push({ index, event: body.event, canonical: body.canonicalEvent });
    else raws.push({ index, raw: body.raw ?? null });
  }
  await Promise.all([insertEventBodies(tx, events), insertRawBodies(tx, raws)]);
}

interface EventBody {
  readonly index: bigint;
  readonly event: AuditEvent;
  readonly canonical: string;
}

async function insertEventBodies({ sql }: Tx, bodies: readonly EventBody[]): Promise<void> {
  if (bodies.length === 0) return;
  const texts = (text: (event: AuditEvent) => string) =>
    sql.array(
      bodies.map(({ event }) => text(event)),
      PG_OID.text,
    );
  await sql`
    insert into bodies (index, project, source, type, actor_kind, actor, subject, action, result, time, canonical_event, salt)
    select * from unnest(
      ${sql.array(
        bodies.map(({ index }) => index),
        PG_OID.int8,
      )}::int8[],
      ${texts(({ project }) => project)}::text[],
      ${texts(({ source }) => source)}::text[],
      ${texts(({ type }) => type)}::text[],
      ${texts(({ actor }) => actor?.kind ?? '')}::text[],
      ${texts(({ actor }) => actor?.id ?? '')}::text[],
      ${texts(({ subject }) => subject)}::text[],
      ${texts(({ action }) => action)}::text[],
      ${texts(({ result }) => result)}::text[],
      ${sql.array(
        bodies.map(({ event }) => event.time),
        PG_OID.timestamptz,
      )}::timestamptz[],
      ${sql.array(
        bodies.map(({ canonical }) => canonical),
        PG_OID.text,
      )}::text[],
      ${sql.array(
        bodies.map(({ event }) => event.salt),
        PG_OID.bytea,
      )}::bytea[])`;
}

async function insertRawBodies({ sql }: Tx, raws: readonly { index: bigint; raw: Uint8Array | null }[]): Promise<void> {
  if (raws.length === 0) return;
  await sql`
    insert into raw_bodies (index, raw)
    select * from unnest(
      ${sql.array(
        raws.map(({ index }) => index),
        PG_OID.int8,
      )}::int8[],
      ${sql.array(
        raws.map(({ raw }) => raw),
        PG_OID.bytea,
      )}::bytea[])`;
}

/** An entry with its body, as it is selected. */
export interface EntryRow {
  readonly index: bigint;
  readonly eventId: string;
  readonly project: string;
  readonly leafData: Uint8Array;
  readonly integratedAt: Date;
  readonly canonicalEvent: string | null;
  readonly salt: Uint8Array | null;
}

/** The row as an entry. */
export function storedEntry({ canonicalEvent, salt, ...entry }: EntryRow): StoredEntry {
  return { ...entry, body: canonicalEvent === null || salt === null ? undefined : { canonicalEvent, salt } };
}
