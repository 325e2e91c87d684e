import { randomUUID } from 'node:crypto';
import { type Clock, systemClock, systemRandomBytes } from '@cert-tasks/kernel';
import { CompleteAuthority } from '../application/complete-authority.ts';
import { CompleteIssuance } from '../application/complete-issuance.ts';
import { CreateAuthority } from '../application/create-authority.ts';
import { GetCertificate } from '../application/get-certificate.ts';
import { IssuancePipeline } from '../application/issuance-pipeline.ts';
import { IssueCertificate, type IssueCertificateInput } from '../application/issue-certificate.ts';
import type { AuthorityStore } from '../application/ports/authority-store.ts';
import type { CertificateStore, RequestClaim } from '../application/ports/certificate-store.ts';
import type { CrlStore } from '../application/ports/crl-store.ts';
import type { EventTrail } from '../application/ports/event-trail.ts';
import type { Ledger, ReconciliationStore } from '../application/ports/ledger.ts';
import { PublishCrl } from '../application/publish-crl.ts';
import { PublishDueCrls } from '../application/publish-due-crls.ts';
import { type LedgerBreach, ReconcileLedger } from '../application/reconcile-ledger.ts';
import { RecoverIntents, type RecoveryFailure } from '../application/recover-intents.ts';
import { RefusalLog } from '../application/refusal-log.ts';
import { RenewCertificate } from '../application/renew-certificate.ts';
import { ResolveIntent } from '../application/resolve-intent.ts';
import { RevokeCertificate } from '../application/revoke-certificate.ts';
import type { Authority } from '../domain/authority.ts';
import { loopOrigin, type Origin } from '../domain/event.ts';
import { InMemorySigner } from './in-memory-signer.ts';
import { sampleRequest } from './sample-request.ts';

/** The stores that a world stands on: the fakes, or PostgreSQL's. */
export interface WorldStores {
  readonly certificates: CertificateStore;
  readonly authorities: AuthorityStore;
  readonly crls: CrlStore;
  readonly reconciliation: ReconciliationStore;
  readonly trail: EventTrail;
}

/** Who asks in tests. */
export const SAMPLE_ORIGIN: Origin = {
  ...loopOrigin('test'),
  actor: { kind: 'user', id: 'alice', roles: ['operator'] },
};

const DAY_MS = 24 * 60 * 60 * 1000;

/** All use cases over the given stores, with a signer in memory. */
export function certWorld(
  stores: WorldStores,
  options: { readonly clock?: Clock; readonly signer?: InMemorySigner } = {},
) {
  const { clock = systemClock, signer = new InMemorySigner() } = options;
  const randomBytes = systemRandomBytes;
  const { certificates, authorities, crls, trail } = stores;
  const recoveryFailures: RecoveryFailure[] = [];
  const crlFailures: unknown[] = [];
  const breaches: LedgerBreach[] = [];
  const complete = new CompleteIssuance({ certificates });
  const resolve = new ResolveIntent({ certificates, signer, complete, onResolved: () => undefined });
  const pipeline = new IssuancePipeline({ certificates, signer, complete, resolve, clock, randomBytes });
  const refusals = new RefusalLog({
    trail,
    clock,
    onFailure: (error) => {
      throw error;
    },
  });
  const completeAuthority = new CompleteAuthority({
    authorities,
    certificates,
    keys: signer,
    signer,
    clock,
    randomBytes,
    onActivated: () => undefined,
  });
  const createAuthority = new CreateAuthority({
    authorities,
    complete: completeAuthority,
    clock,
    randomBytes,
    pkiBaseUrl: 'http://pki.example',
  });
  const publishCrl = new PublishCrl({
    authorities,
    crls,
    signer,
    clock,
    randomBytes,
    validityMs: DAY_MS,
    onPublished: () => undefined,
  });
  const issueCertificate = new IssueCertificate({ authorities, pipeline, refusals, clock });
  const issueInput = (project: string, changes: Partial<IssueCertificateInput> = {}): IssueCertificateInput => ({
    project,
    authorityId: undefined,
    profile: '',
    csr: sampleRequest(),
    csrField: 'csr_der',
    lifetimeMs: undefined,
    labels: {},
    claim: undefined,
    validateOnly: false,
    origin: SAMPLE_ORIGIN,
    signal: AbortSignal.timeout(10_000),
    ...changes,
  });
  return {
    signer,
    stores,
    recoveryFailures,
    crlFailures,
    breaches,
    completeAuthority,
    createAuthority,
    issueCertificate,
    issueInput,
    getCertificate: new GetCertificate({ certificates, authorities }),
    renewCertificate: new RenewCertificate({ certificates, authorities, pipeline, refusals, clock }),
    revokeCertificate: new RevokeCertificate({ certificates, onRevoked: () => undefined }),
    publishCrl,
    publishDueCrls: new PublishDueCrls({
      crls,
      publish: publishCrl,
      clock,
      onFailure: (failure) => crlFailures.push(failure),
    }),
    reconcile: (ledger: Ledger = signer) =>
      new ReconcileLedger({ ledger, store: stores.reconciliation, onBreach: (breach) => breaches.push(breach) }),
    recover: (olderThanMs = 0) =>
      new RecoverIntents({
        certificates,
        authorities,
        resolve,
        completeAuthority,
        olderThanMs,
        onFailure: (failure) => recoveryFailures.push(failure),
      }),
    /** A root and a subordinate in a project of their own. */
    async project(
      options: { readonly crlShardCount?: number } = {},
    ): Promise<{ project: string; root: Authority; subordinate: Authority }> {
      const project = `p-${randomUUID()}`;
      const order = {
        project,
        keyAlgorithm: 'ec-p256',
        lifetimeMs: undefined,
        crlShardCount: options.crlShardCount ?? 1,
        claim: undefined,
        validateOnly: false,
        origin: SAMPLE_ORIGIN,
      } as const;
      const root = await createAuthority.run({
        ...order,
        id: 'root',
        type: 'root',
        subject: { commonName: 'Root' },
        issuerId: undefined,
      });
      const subordinate = await createAuthority.run({
        ...order,
        id: 'issuing',
        type: 'subordinate',
        subject: { commonName: 'Issuing', organization: 'Example', country: 'DE' },
        issuerId: 'root',
      });
      return { project, root, subordinate };
    },
  };
}

/** {@link certWorld}'s answer. */
export type CertWorld = ReturnType<typeof certWorld>;

/** A claim as a handler makes it. */
export function sampleClaim({ request = 'a' }: { request?: string } = {}): RequestClaim {
  return { key: systemRandomBytes(32), hash: new Uint8Array(32).fill(request.charCodeAt(0)) };
}
