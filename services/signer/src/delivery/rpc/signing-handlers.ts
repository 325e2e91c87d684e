import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { SigningService } from '@cert-tasks/contracts/signer/v1';
import { type CallContext, type Handlers, pageSizeOf } from '@cert-tasks/rpc';
import { type ListLedgerEntriesDependencies, listLedgerEntries } from '../../application/list-ledger-entries.ts';
import { resolveIntent } from '../../application/resolve-intent.ts';
import { type SignBatchDependencies, type SignOutcome, signBatch } from '../../application/sign-batch.ts';
import { type SignCheckpointDependencies, signCheckpoint } from '../../application/sign-checkpoint.ts';
import { SignerError } from '../../domain/errors.ts';
import { callOf } from './call-of.ts';
import { formatLedgerEntry, formatOutcome, formatSignature } from './format.ts';
import { parseBatchSign, parseResolveIntent, parseSignCheckpoint } from './parse.ts';

const LEDGER_PAGE_SIZE = { whenZero: 500, most: 1_000 };

/** certtasks.signer.v1.SigningService. */
export function signingHandlers(
  dependencies: SignBatchDependencies & SignCheckpointDependencies & ListLedgerEntriesDependencies,
): Handlers<typeof SigningService> {
  return {
    async batchSign(ctx, request) {
      const outcomes = await signBatch(dependencies, { items: parseBatchSign(request), call: callOf(ctx) });
      throwIfAllFailed(outcomes);
      logFailures(ctx, outcomes);
      return { outcomes: outcomes.map(formatOutcome) };
    },

    async resolveIntent(ctx, request) {
      const end = await resolveIntent(dependencies.work, parseResolveIntent(request, callOf(ctx)));
      if (end.state === 'signed') return { outcome: { case: 'signature', value: formatSignature(end.signature) } };
      return { outcome: { case: 'voided', value: { voidTime: timestampFromDate(end.voidedAt) } } };
    },

    async signCheckpoint(_ctx, request) {
      const { noteBody, signature } = await signCheckpoint(dependencies, parseSignCheckpoint(request));
      return { noteBody, signature };
    },

    async listLedgerEntries(_ctx, request) {
      const entries = await listLedgerEntries(dependencies, {
        afterPosition: request.afterPosition,
        limit: pageSizeOf(request.pageSize, LEDGER_PAGE_SIZE),
      });
      return { entries: entries.map(formatLedgerEntry) };
    },
  };
}

/** What is no refusal: the database went away, too much waited, or a defect. */
function isFailure(outcome: SignOutcome): outcome is SignOutcome & { readonly ok: false } {
  return !outcome.ok && !(outcome.error instanceof SignerError);
}

/** Where nothing came of anything, the call itself failed, with the code that its cause has in every other call. */
function throwIfAllFailed(outcomes: readonly SignOutcome[]): void {
  const [first] = outcomes;
  if (first !== undefined && isFailure(first) && outcomes.every(isFailure)) throw first.error;
}

function logFailures(ctx: CallContext, outcomes: readonly SignOutcome[]): void {
  const failure = outcomes.find(isFailure);
  if (failure !== undefined) ctx.log.error({ err: failure.error }, 'a part of a batch was not signed');
}
