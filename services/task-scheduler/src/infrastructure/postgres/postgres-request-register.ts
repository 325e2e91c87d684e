import type { Tx } from '@cert-tasks/db';
import { claimRequests } from '@cert-tasks/idempotency';
import type { NamedRequest, RequestClaim, RequestRegister } from '../../application/ports/request-register.ts';
import { requests } from './schema.ts';

/** Requests that took effect, in one transaction. */
export class PostgresRequestRegister implements RequestRegister {
  readonly #tx: Tx;

  constructor(tx: Tx) {
    this.#tx = tx;
  }

  async claim(named: readonly NamedRequest[]): Promise<readonly RequestClaim[]> {
    if (named.length === 0) return [];
    const claims = named.map(({ identity: { key, hash }, resource }) => ({ key, hash, resource }));
    return claimRequests(this.#tx, { table: requests, claims });
  }
}
