export {
  type BatchClaimOutcome,
  type ClaimOutcome,
  claimRequest,
  claimRequests,
  type RequestClaim,
  releaseRequest,
} from './claim-request.ts';
export { IdempotencyError, type IdempotencyErrorCode } from './idempotency-error.ts';
export { type PruneRequestsOptions, pruneRequests } from './prune-requests.ts';
export { type RequestIdentity, requestHash, requestKey } from './request-key.ts';
export { type RequestTable, requestTable } from './request-table.ts';
