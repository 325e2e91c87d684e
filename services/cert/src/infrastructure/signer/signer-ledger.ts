import { type SigningService, TbsKind } from '@cert-tasks/contracts/signer/v1';
import type { GrpcClient } from '@cert-tasks/rpc';
import type { Ledger, LedgerEntry } from '../../application/ports/ledger.ts';
import { signerUnavailable } from './signer-errors.ts';

const DEADLINE_MS = 5_000;

/** The ledger of the signer service. */
export class SignerLedger implements Ledger {
  readonly #client: GrpcClient<typeof SigningService>;

  constructor(deps: { readonly client: GrpcClient<typeof SigningService> }) {
    this.#client = deps.client;
  }

  async read({ afterPosition, limit }: { afterPosition: bigint; limit: number }): Promise<readonly LedgerEntry[]> {
    try {
      const { entries } = await this.#client.listLedgerEntries(
        { afterPosition, pageSize: limit },
        { deadlineMs: DEADLINE_MS },
      );
      return entries.map(({ position, intentId, key, kind, tbsSha256, voided }) => ({
        position,
        intentId,
        keyName: key,
        kind: kind === TbsKind.CRL ? 'crl' : 'certificate',
        tbsSha256,
        voided,
      }));
    } catch (error) {
      throw signerUnavailable(error);
    }
  }
}
