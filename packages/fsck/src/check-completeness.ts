import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@cert-tasks/contracts/event/v1';
import type { Breach } from './breach.ts';
import type { CheckInput, Snapshot } from './check.ts';
import { certificateName } from './check-certificates.ts';

const BATCH = 500;
const MAX_NAMED = 1000;

/** What is told of a certificate, by type of event. */
const FACTS: Readonly<Record<string, keyof Told>> = {
  'certificate.created': 'issued',
  'certificate.renewed': 'issued',
  'certificate.revoked': 'revoked',
};

/** How often something was told of a certificate. */
interface Told {
  readonly issued: number;
  readonly revoked: number;
}

interface CertificateRow {
  readonly id: string;
  readonly project: string;
  readonly state: 'pending' | 'issued' | 'revoked' | 'failed';
  readonly issued: bigint;
  readonly revoked: bigint;
}

/** Events that are not there, of one project. */
interface Missing {
  count: bigint;
  readonly breaches: Breach[];
}

/**
 * Every issuance and every revocation is told exactly once, and no other is (DESIGN 3.3): by an event in the log, or by one in
 * cert's outbox that the log does not have yet. A change and its event commit together, so that nothing needs time to settle.
 * What was erased from the log can be missing: as many events of a project as bodies of cert's entries in it were erased.
 */
export async function* checkCompleteness({ sql }: CheckInput): AsyncIterable<Breach> {
  const waiting = new Map<string, Told>();
  yield* readWaiting(sql, waiting);
  const missing = new Map<string, Missing>();
  for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
    const rows = await readCertificates(sql, after);
    for (const row of rows) {
      after = row.id;
      const subject = certificateName(row.project, row.id);
      const { issued, revoked } = waiting.get(subject) ?? { issued: 0, revoked: 0 };
      const isReleased = row.state === 'issued' || row.state === 'revoked';
      const facts = [
        { fact: 'issuance', isTrue: isReleased, told: row.issued + BigInt(issued) },
        { fact: 'revocation', isTrue: row.state === 'revoked', told: row.revoked + BigInt(revoked) },
      ];
      for (const { fact, isTrue, told } of facts) {
        if (isTrue && told === 0n)
          note(missing, row.project, { invariant: 'event-missing', subject, detail: untold(fact) });
        else if (isTrue && told > 1n) {
          yield { invariant: 'event-doubled', subject, detail: `its ${fact} is told ${told} times` };
        } else if (!isTrue && told > 0n) {
          yield { invariant: 'event-untrue', subject, detail: `its ${fact} is told, and it is ${row.state}` };
        }
      }
    }
    if (rows.length < BATCH) break;
  }
  for (const [project, { count, breaches }] of missing) {
    if (count > (await countErased(sql, project))) yield* breaches;
  }
}

function readCertificates(sql: Snapshot, after: string): Promise<CertificateRow[]> {
  return sql<CertificateRow[]>`
    select c.id, c.project, c.state, told.issued, told.revoked
    from (
      select id, project, state, 'projects/' || project || '/certificates/' || id as subject
      from cert.certificates where id > ${after} order by id limit ${BATCH}
    ) c
    cross join lateral (
      select count(*) filter (where b.type <> 'certificate.revoked') as issued,
        count(*) filter (where b.type = 'certificate.revoked') as revoked
      from audit.bodies b
      where b.project = c.project and b.subject = c.subject and b.source = 'cert'
        and b.type in ('certificate.created', 'certificate.renewed', 'certificate.revoked')
    ) told
    order by c.id`;
}

/** Fills `waiting`, by subject, from the events that are not in the log yet. */
async function* readWaiting(sql: Snapshot, waiting: Map<string, Told>): AsyncIterable<Breach> {
  for (let after = 0n; ; ) {
    const rows = await sql<{ id: bigint; eventId: string; body: Uint8Array }[]>`
      select id, event_id as "eventId", body from cert.outbox
      where id > ${after}
        and (number is null or number > coalesce((select number from audit.positions where source = 'cert'), 0))
      order by id limit ${BATCH}`;
    for (const { id, eventId, body } of rows) {
      after = id;
      const event = decoded(body);
      if (event === undefined) {
        yield { invariant: 'event-unreadable', subject: `event ${eventId} of cert`, detail: 'its bytes are no event' };
        continue;
      }
      const fact = FACTS[event.type];
      if (fact === undefined) continue;
      const told = waiting.get(event.subject) ?? { issued: 0, revoked: 0 };
      waiting.set(event.subject, { ...told, [fact]: told[fact] + 1 });
    }
    if (rows.length < BATCH) return;
  }
}

function decoded(body: Uint8Array): { readonly type: string; readonly subject: string } | undefined {
  try {
    return fromBinary(EventSchema, body);
  } catch {
    // protobuf-es raises errors of several kinds for bytes that are no message.
    return undefined;
  }
}

function note(missing: Map<string, Missing>, project: string, breach: Breach): void {
  const of = missing.get(project) ?? { count: 0n, breaches: [] };
  missing.set(project, of);
  of.count += 1n;
  if (of.breaches.length < MAX_NAMED) of.breaches.push(breach);
}

async function countErased(sql: Snapshot, project: string): Promise<bigint> {
  const [row] = await sql<{ count: bigint }[]>`
    select count(*) as count from audit.entries e
    where e.project = ${project} and e.source = 'cert' and e.problem is null
      and not exists (select from audit.bodies b where b.index = e.index)`;
  return row?.count ?? 0n;
}

function untold(fact: string): string {
  return `no event tells its ${fact}`;
}
