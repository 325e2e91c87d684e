import type { CheckpointLedger } from './checkpoint-ledger.ts';
import type { EventLog } from './event-log.ts';
import type { KeyStore } from './key-store.ts';
import type { Ledger } from './ledger.ts';
import type { RequestLog } from './request-log.ts';

/** What there is inside a transaction. */
export interface SignerStores {
  readonly keys: KeyStore;
  readonly ledger: Ledger;
  readonly checkpoints: CheckpointLedger;
  readonly requests: RequestLog;
  readonly events: EventLog;
}

/** The service's state. */
export interface UnitOfWork {
  /** Reads without a transaction: each statement sees its own moment. */
  read<T>(name: string, work: (stores: Pick<SignerStores, 'keys' | 'ledger'>) => Promise<T>): Promise<T>;
  /**
   * Runs `work` as one transaction. It commits when `work` resolves and leaves nothing when it rejects. `work` MAY run
   * again after a deadlock, so what it does beside the stores MUST bear repetition.
   */
  transaction<T>(name: string, work: (stores: SignerStores) => Promise<T>): Promise<T>;
}
