import type { Database, Tx } from '@cert-tasks/db';
import type { SignerStores, UnitOfWork } from '../../application/ports/unit-of-work.ts';
import { OutboxEventLog } from './outbox-event-log.ts';
import { PostgresCheckpointLedger } from './postgres-checkpoint-ledger.ts';
import { PostgresKeyStore } from './postgres-key-store.ts';
import { PostgresLedger } from './postgres-ledger.ts';
import { PostgresRequestLog } from './postgres-request-log.ts';
import { requests } from './schema.ts';

/** Options of {@link PostgresUnitOfWork}. */
export interface PostgresUnitOfWorkOptions {
  readonly database: Database;
  /** Called after a transaction that told of events has committed: the relay may wake. */
  readonly onEvents: () => void;
}

/** The service's state in PostgreSQL. Stores are made anew for each transaction, so none can sit on another's connection. */
export class PostgresUnitOfWork implements UnitOfWork {
  readonly #database: Database;
  readonly #onEvents: () => void;

  constructor({ database, onEvents }: PostgresUnitOfWorkOptions) {
    this.#database = database;
    this.#onEvents = onEvents;
  }

  read<T>(name: string, work: (stores: Pick<SignerStores, 'keys' | 'ledger'>) => Promise<T>): Promise<T> {
    return this.#database.query(name, (pool) =>
      work({ keys: new PostgresKeyStore(pool), ledger: new PostgresLedger(pool) }),
    );
  }

  async transaction<T>(name: string, work: (stores: SignerStores) => Promise<T>): Promise<T> {
    let hasEvents = false;
    const onAppended = () => {
      hasEvents = true;
    };
    const result = await this.#database.transaction(name, (tx) => work(storesOver(tx, onAppended)));
    if (hasEvents) this.#onEvents();
    return result;
  }
}

function storesOver(tx: Tx, onAppended: () => void): SignerStores {
  return {
    keys: new PostgresKeyStore(tx),
    ledger: new PostgresLedger(tx),
    checkpoints: new PostgresCheckpointLedger(tx),
    requests: new PostgresRequestLog(tx, requests),
    events: new OutboxEventLog(tx, onAppended),
  };
}
