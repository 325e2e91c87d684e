import type { Database, Tx } from '@cert-tasks/db';
import type { UnitOfWork, Work } from '../../application/ports/unit-of-work.ts';
import { OutboxAuditTrail, type OutboxAuditTrailOptions } from './outbox-audit-trail.ts';
import { PostgresRequestRegister } from './postgres-request-register.ts';
import { PostgresScheduleStore } from './postgres-schedule-store.ts';
import { PostgresTaskStore } from './postgres-task-store.ts';

/** Options of {@link PostgresUnitOfWork}. */
export interface PostgresUnitOfWorkOptions extends OutboxAuditTrailOptions {
  readonly database: Database;
  /** Called after the commit of a transaction with audit events. */
  readonly onEvents: () => void;
}

/** Transactions of the task schema. */
export class PostgresUnitOfWork implements UnitOfWork {
  readonly #options: PostgresUnitOfWorkOptions;

  constructor(options: PostgresUnitOfWorkOptions) {
    this.#options = options;
  }

  async run<T>(name: string, act: (work: Work) => Promise<T>): Promise<T> {
    const { database, onEvents } = this.#options;
    const { result, appended } = await database.transaction(name, async (tx) => {
      const audit = new OutboxAuditTrail(tx, this.#options);
      const result = await act({
        now: await begin(tx),
        tasks: new PostgresTaskStore(tx),
        schedules: new PostgresScheduleStore(tx),
        requests: new PostgresRequestRegister(tx),
        audit,
      });
      return { result, appended: audit.appended };
    });
    if (appended > 0) onEvents();
    return result;
  }
}

/**
 * The database's time, and plans that stay as they are: every statement here goes by a key, whatever the statistics
 * say. Those of a queue are wrong most of the time: a plan made while the table was empty reads all of it once it is
 * full, and is kept for as long as the connection.
 */
async function begin({ sql }: Tx): Promise<Date> {
  const [row] = await sql<{ now: Date }[]>`
    select date_trunc('milliseconds', statement_timestamp()) as now,
      set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
      set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
      set_config('jit', 'off', true)`;
  if (row === undefined) throw new Error('The database told no time.');
  return row.now;
}
