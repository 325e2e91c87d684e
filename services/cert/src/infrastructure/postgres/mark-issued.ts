import { PG_OID, type Tx } from '@cert-tasks/db';
import type { CoalescedResult } from '@cert-tasks/kernel';
import type { Certificate } from '../../domain/certificate.ts';
import type { CertEvent } from '../../domain/event.ts';
import type { EventOutbox } from './event-outbox.ts';

/** An intent with its signed certificate. */
export interface IssuedItem {
  readonly certificate: Certificate;
  readonly der: Uint8Array;
  readonly event: CertEvent;
}

/**
 * pending → issued for all of them in one transaction, with the events of those that were still pending; for each
 * whether it was.
 */
export async function markAllIssued(
  tx: Tx,
  { items, events }: { items: readonly IssuedItem[]; events: EventOutbox },
): Promise<CoalescedResult<boolean>[]> {
  const { sql } = tx;
  const issued = await sql<{ id: string }[]>`
    update cert.certificates as c
    set state = 'issued', der = released.der, fingerprint_sha256 = sha256(released.der), version = c.version + 1
    from unnest(
      ${sql.array(
        items.map(({ certificate }) => certificate.id),
        PG_OID.uuid,
      )}::uuid[],
      ${sql.array(
        items.map(({ certificate }) => certificate.project),
        PG_OID.text,
      )}::text[],
      ${sql.array(
        items.map(({ der }) => der),
        PG_OID.bytea,
      )}::bytea[]
    ) as released (id, project, der)
    where c.id = released.id and c.project = released.project and c.state = 'pending'
    returning c.id`;
  const ids = new Set(issued.map(({ id }) => id));
  // Of two items for one certificate (the call's and recovery's) the first has issued it.
  const won = items.map(({ certificate }) => ids.delete(certificate.id));
  await events.append(
    tx,
    items.filter((_item, index) => won[index] === true).map(({ event }) => event),
  );
  return won.map((value) => ({ ok: true, value }));
}
