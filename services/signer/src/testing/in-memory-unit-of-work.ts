import { bytesEqual, bytesToHex } from '@cert-tasks/kernel';
import type { CheckpointLedger } from '../application/ports/checkpoint-ledger.ts';
import type { EventLog, SignerEvent } from '../application/ports/event-log.ts';
import type { KeyMaterial } from '../application/ports/key-backend.ts';
import type { KeyPageRequest, KeyStore, NewKey, StoredKey } from '../application/ports/key-store.ts';
import type { Ledger, LedgerListing, NewLedgerRow, NewVoidedRow } from '../application/ports/ledger.ts';
import type { RequestClaim, RequestLog } from '../application/ports/request-log.ts';
import type { SignerStores, UnitOfWork } from '../application/ports/unit-of-work.ts';
import type { SignedCheckpoint } from '../domain/checkpoint.ts';
import type { Key, KeyName } from '../domain/key.ts';
import type { LedgerEntry } from '../domain/ledger.ts';

interface LedgerRecord {
  readonly position: bigint;
  readonly entry: LedgerEntry;
  readonly serial: Uint8Array | undefined;
}

interface State {
  readonly keys: Map<string, StoredKey>;
  readonly ledger: Map<string, LedgerRecord>;
  readonly checkpoints: Map<string, readonly SignedCheckpoint[]>;
  readonly requests: Map<string, Uint8Array>;
  readonly events: SignerEvent[];
  position: bigint;
}

/** The service's state in memory: transactions run one after another, and one that fails leaves nothing. */
export class InMemoryUnitOfWork implements UnitOfWork {
  readonly #now: () => Date;
  #state: State = emptyState();
  #last: Promise<unknown> = Promise.resolve();

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** Events of committed transactions, in order. */
  get events(): readonly SignerEvent[] {
    return this.#state.events;
  }

  /** Intents of committed ledger rows, in order. */
  get ledgerIntents(): readonly string[] {
    return [...this.#state.ledger.keys()];
  }

  read<T>(_name: string, work: (stores: Pick<SignerStores, 'keys' | 'ledger'>) => Promise<T>): Promise<T> {
    return work(this.#storesOver(this.#state));
  }

  transaction<T>(_name: string, work: (stores: SignerStores) => Promise<T>): Promise<T> {
    const run = this.#last.then(async () => {
      const draft = copyOf(this.#state);
      const result = await work(this.#storesOver(draft));
      this.#state = draft;
      return result;
    });
    this.#last = run.catch(() => undefined);
    return run;
  }

  #storesOver(state: State): SignerStores {
    return {
      keys: new InMemoryKeyStore(state, this.#now),
      ledger: new InMemoryLedger(state, this.#now),
      checkpoints: checkpointsOver(state),
      requests: requestsOver(state),
      events: eventsOver(state),
    };
  }
}

function emptyState(): State {
  return { keys: new Map(), ledger: new Map(), checkpoints: new Map(), requests: new Map(), events: [], position: 0n };
}

function copyOf(state: State): State {
  return {
    keys: new Map(state.keys),
    ledger: new Map(state.ledger),
    checkpoints: new Map(state.checkpoints),
    requests: new Map(state.requests),
    events: [...state.events],
    position: state.position,
  };
}

class InMemoryKeyStore implements KeyStore {
  readonly #state: State;
  readonly #now: () => Date;

  constructor(state: State, now: () => Date) {
    this.#state = state;
    this.#now = now;
  }

  async insert(key: NewKey, material: KeyMaterial): Promise<Key | undefined> {
    if (this.#stored(key.name) !== undefined) return undefined;
    const created: Key = { ...key, state: 'enabled', createdAt: this.#now(), disabledAt: undefined };
    this.#state.keys.set(key.id, { key: created, material });
    return created;
  }

  async find(name: KeyName): Promise<Key | undefined> {
    return this.#stored(name)?.key;
  }

  async findStored(names: readonly KeyName[]): Promise<readonly StoredKey[]> {
    return names.flatMap((name) => this.#stored(name) ?? []);
  }

  async list({ project, afterId, limit }: KeyPageRequest): Promise<readonly Key[]> {
    return [...this.#state.keys.values()]
      .map(({ key }) => key)
      .filter((key) => key.name.project === project && key.id > (afterId ?? ''))
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, limit);
  }

  lock(name: KeyName): Promise<Key | undefined> {
    return this.find(name);
  }

  async disable({ id, etag }: { readonly id: string; readonly etag: string }): Promise<Key | undefined> {
    const stored = this.#state.keys.get(id);
    if (stored?.key.state !== 'enabled') return undefined;
    const key: Key = { ...stored.key, state: 'disabled', disabledAt: this.#now(), etag };
    this.#state.keys.set(id, { ...stored, key });
    return key;
  }

  async disabledAmong(ids: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set(ids.filter((id) => this.#state.keys.get(id)?.key.state === 'disabled'));
  }

  async keyEncryptionKeyIds(): Promise<readonly string[]> {
    return [...new Set([...this.#state.keys.values()].map(({ material }) => material.kekId))].toSorted();
  }

  #stored({ project, key }: KeyName): StoredKey | undefined {
    return [...this.#state.keys.values()].find(
      (stored) => stored.key.name.project === project && stored.key.name.key === key,
    );
  }
}

class InMemoryLedger implements Ledger {
  readonly #state: State;
  readonly #now: () => Date;

  constructor(state: State, now: () => Date) {
    this.#state = state;
    this.#now = now;
  }

  async insertSigned(rows: readonly NewLedgerRow[]): Promise<ReadonlyMap<string, Date>> {
    const inserted = new Map<string, Date>();
    for (const row of rows) {
      if (this.#state.keys.get(row.keyId)?.key.state !== 'enabled') continue;
      if (this.#state.ledger.has(row.intentId) || this.#isSerialTaken(row)) continue;
      const { intentId, keyId, keyVersion, kind, tbsSha256, signature } = row;
      const at = this.#now();
      this.#append({ state: 'signed', intentId, keyId, keyVersion, kind, tbsSha256, signature, at }, row.serial);
      inserted.set(intentId, at);
    }
    return inserted;
  }

  async insertVoided({ intentId, keyId }: NewVoidedRow): Promise<Date | undefined> {
    if (this.#state.ledger.has(intentId)) return undefined;
    const at = this.#now();
    this.#append({ state: 'voided', intentId, keyId, at }, undefined);
    return at;
  }

  async find(intentIds: readonly string[]): Promise<ReadonlyMap<string, LedgerEntry>> {
    return new Map(
      intentIds.flatMap((intentId) => {
        const record = this.#state.ledger.get(intentId);
        return record === undefined ? [] : [[intentId, record.entry] as const];
      }),
    );
  }

  async listSettled(page: {
    readonly afterPosition: bigint;
    readonly limit: number;
    readonly settleMs: number;
  }): Promise<readonly LedgerListing[]> {
    const settledBefore = this.#now().getTime() - page.settleMs;
    const after = [...this.#state.ledger.values()].filter(({ position }) => position > page.afterPosition);
    const rows = after.slice(0, page.limit);
    const firstYoung = rows.findIndex(({ entry }) => entry.at.getTime() >= settledBefore);
    return (firstYoung < 0 ? rows : rows.slice(0, firstYoung)).flatMap((record) => this.#listing(record));
  }

  #listing({ position, entry }: LedgerRecord): LedgerListing[] {
    const stored = this.#state.keys.get(entry.keyId);
    if (stored === undefined) return [];
    const signed = entry.state === 'signed' ? { kind: entry.kind, tbsSha256: entry.tbsSha256 } : undefined;
    return [{ position, intentId: entry.intentId, keyName: stored.key.name, signed, at: entry.at }];
  }

  #append(entry: LedgerEntry, serial: Uint8Array | undefined): void {
    this.#state.position += 1n;
    this.#state.ledger.set(entry.intentId, { position: this.#state.position, entry, serial });
  }

  #isSerialTaken({ keyId, serial }: NewLedgerRow): boolean {
    if (serial === undefined) return false;
    return [...this.#state.ledger.values()].some(
      (record) => record.entry.keyId === keyId && record.serial !== undefined && bytesEqual(record.serial, serial),
    );
  }
}

function checkpointsOver({ checkpoints }: State): CheckpointLedger {
  return {
    last: async (keyId) => checkpoints.get(keyId)?.at(-1),
    insert: async (keyId, checkpoint) => {
      checkpoints.set(keyId, [...(checkpoints.get(keyId) ?? []), checkpoint]);
    },
  };
}

/** Another request under a known id is the business of the idempotency package, which has its own tests. */
function requestsOver({ requests }: State): RequestLog {
  return {
    claim: async ({ project, caller, method, requestId, content }: RequestClaim) => {
      const key = JSON.stringify([project, caller, method, requestId]);
      const known = requests.get(key);
      if (known !== undefined && !bytesEqual(known, content)) {
        throw new Error(`The request id is known for another request than ${bytesToHex(content)}.`);
      }
      requests.set(key, content);
      return known === undefined ? 'claimed' : 'replay';
    },
  };
}

function eventsOver({ events }: State): EventLog {
  return {
    append: async (added) => {
      events.push(...added);
    },
  };
}
