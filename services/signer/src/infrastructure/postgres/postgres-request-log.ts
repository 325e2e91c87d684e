import type { Tx } from '@cert-tasks/db';
import { claimRequest, type RequestTable, requestHash, requestKey } from '@cert-tasks/idempotency';
import type { RequestClaim, RequestLog } from '../../application/ports/request-log.ts';

/** Requests in the table `requests`. */
export class PostgresRequestLog implements RequestLog {
  readonly #tx: Tx;
  readonly #table: RequestTable;

  constructor(tx: Tx, table: RequestTable) {
    this.#tx = tx;
    this.#table = table;
  }

  async claim(claim: RequestClaim, resource: string): Promise<'claimed' | 'replay'> {
    const { project, caller, method, requestId, content } = claim;
    const { outcome } = await claimRequest(this.#tx, {
      table: this.#table,
      key: requestKey({ project, principal: caller, method, requestId }),
      hash: requestHash(content),
      resource,
    });
    return outcome;
  }
}
