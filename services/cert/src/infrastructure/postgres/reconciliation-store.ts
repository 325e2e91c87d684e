import { type Database, PG_OID } from '@cert-tasks/db';
import type { IntentFact, ReconciliationStore } from '../../application/ports/ledger.ts';

/** How far the ledger was compared, and what cert knows of intents, in PostgreSQL. */
export class PostgresReconciliationStore implements ReconciliationStore {
  readonly #db: Database;

  constructor(deps: { readonly db: Database }) {
    this.#db = deps.db;
  }

  async position(): Promise<bigint> {
    const [row] = await this.#db.query(
      'reconciliation.position',
      ({ sql }) => sql<{ position: bigint }[]>`select position from cert.reconciliation where id = 1`,
    );
    return row?.position ?? 0n;
  }

  async advance(position: bigint): Promise<void> {
    await this.#db.query(
      'reconciliation.advance',
      ({ sql }) => sql`
        insert into cert.reconciliation as r (id, position) values (1, ${position})
        on conflict (id) do update set position = excluded.position where r.position < excluded.position`,
    );
  }

  async facts(intentIds: readonly string[]): Promise<ReadonlyMap<string, IntentFact>> {
    const rows = await this.#db.query(
      'reconciliation.facts',
      ({ sql }) => sql<IntentFact[]>`
        select id as "intentId", case state when 'revoked' then 'issued' else state end as state, sha256(tbs) as "tbsSha256"
        from cert.certificates
        where id = any(${sql.array([...intentIds], PG_OID.uuid)}::uuid[])
        union all
        select id, case state when 'published' then 'issued' else state end, sha256(tbs)
        from cert.crls
        where id = any(${sql.array([...intentIds], PG_OID.uuid)}::uuid[])`,
    );
    return new Map(rows.map((row) => [row.intentId, row]));
  }
}
