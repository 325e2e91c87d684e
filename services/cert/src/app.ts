import { fileURLToPath } from 'node:url';
import { AuthorityService, CertificateService } from '@cert-tasks/contracts/cert/v1';
import { KeyService, SigningService } from '@cert-tasks/contracts/signer/v1';
import { ScheduleService, TaskService, WorkerService } from '@cert-tasks/contracts/task/v1';
import { type LeasedLoop, LeaseHolder } from '@cert-tasks/db';
import { failpoint } from '@cert-tasks/failpoint';
import { createHost, type Host, type HostedService, type HostOverrides } from '@cert-tasks/host';
import type { Service } from '@cert-tasks/lifecycle';
import { bindService } from '@cert-tasks/rpc';
import { TaskWorker } from '@cert-tasks/worker';
import { CompleteAuthority } from './application/complete-authority.ts';
import { CompleteIssuance } from './application/complete-issuance.ts';
import { CreateAuthority } from './application/create-authority.ts';
import { FindDueRenewals } from './application/find-due-renewals.ts';
import { GetAuthority } from './application/get-authority.ts';
import { GetCertificate } from './application/get-certificate.ts';
import { IssuancePipeline } from './application/issuance-pipeline.ts';
import { IssueCertificate } from './application/issue-certificate.ts';
import { ListAuthorities } from './application/list-authorities.ts';
import { ListCertificates } from './application/list-certificates.ts';
import type { AuthorityStore } from './application/ports/authority-store.ts';
import type { CertificateStore } from './application/ports/certificate-store.ts';
import type { CrlStore } from './application/ports/crl-store.ts';
import type { EventTrail } from './application/ports/event-trail.ts';
import type { KeyRegistry } from './application/ports/key-registry.ts';
import type { Ledger, ReconciliationStore } from './application/ports/ledger.ts';
import type { SigningBackend } from './application/ports/signing-backend.ts';
import type { TaskQueue } from './application/ports/task-queue.ts';
import { PostponeRenewal } from './application/postpone-renewal.ts';
import { PublishCrl } from './application/publish-crl.ts';
import { PublishDueCrls } from './application/publish-due-crls.ts';
import { ReadPki } from './application/read-pki.ts';
import { ReconcileLedger } from './application/reconcile-ledger.ts';
import { RecoverIntents } from './application/recover-intents.ts';
import { RefusalLog } from './application/refusal-log.ts';
import { RenewCertificate } from './application/renew-certificate.ts';
import { ResolveIntent } from './application/resolve-intent.ts';
import { RevokeCertificate } from './application/revoke-certificate.ts';
import type { CertConfig } from './config.ts';
import { PkiListener } from './delivery/http/pki-listener.ts';
import { crlJob, reconciliationJob, recoveryJob } from './delivery/jobs/leased-jobs.ts';
import { RenewalScheduleJob } from './delivery/jobs/renewal-schedule-job.ts';
import { renewalTasks } from './delivery/jobs/renewal-tasks.ts';
import { authorityHandlers } from './delivery/rpc/authority-handlers.ts';
import { certificateHandlers } from './delivery/rpc/certificate-handlers.ts';
import { certErrorMapping } from './delivery/rpc/error-codes.ts';
import { PostgresAuthorityStore } from './infrastructure/postgres/authority-store.ts';
import { CachedAuthorityStore } from './infrastructure/postgres/cached-authority-store.ts';
import { PostgresCertificateStore } from './infrastructure/postgres/certificate-store.ts';
import { PostgresCrlStore } from './infrastructure/postgres/crl-store.ts';
import { EventOutbox } from './infrastructure/postgres/event-outbox.ts';
import { PostgresEventTrail } from './infrastructure/postgres/event-trail.ts';
import { PostgresReconciliationStore } from './infrastructure/postgres/reconciliation-store.ts';
import { leases, outbox, outboxConsumers, outboxState, requests } from './infrastructure/postgres/schema.ts';
import { SignerBackend } from './infrastructure/signer/signer-backend.ts';
import { SignerKeyRegistry } from './infrastructure/signer/signer-key-registry.ts';
import { SignerLedger } from './infrastructure/signer/signer-ledger.ts';
import { SchedulerTaskQueue } from './infrastructure/tasks/scheduler-task-queue.ts';

const MIGRATIONS = fileURLToPath(new URL('../migrations', import.meta.url));
const LEASE_TTL_MS = 10_000;

/** What a test may put in the place of the real thing. */
export interface CertOverrides extends HostOverrides {
  readonly signer?: SigningBackend;
  readonly keys?: KeyRegistry;
  readonly ledger?: Ledger;
}

/** The service, with its pki listener. */
export interface CertApp extends HostedService {
  readonly ports: HostedService['ports'] & { readonly pki: number };
}

/**
 * The cert service, put together: nothing runs before `start`.
 *
 * @throws HostError, DbError where the settings cannot be used.
 */
export function createApp(config: CertConfig, overrides: CertOverrides = {}): CertApp {
  const host = createHost({
    config,
    schema: 'cert',
    migrationsFolder: MIGRATIONS,
    outbox: { outbox, outboxConsumers, outboxState },
    leases,
    requests,
    overrides,
  });
  const adapters = createAdapters(host, { config, overrides });
  const pki = new ReadPki(adapters);
  const { clock, log, metrics } = host;
  const listener = new PkiListener({ ...config.pkiListener, pki, clock, log, metrics });
  const wake: { crl?: LeasedLoop } = {};
  const useCases = createUseCases(host, { adapters, config, onCrlDue: () => wake.crl?.wake() });
  const jobs = createJobs(host, { adapters, useCases, config, listener });
  wake.crl = jobs.crl;
  const hosted = host.serve({
    services: [
      bindService(AuthorityService, authorityHandlers(useCases.authorities)),
      bindService(CertificateService, certificateHandlers(useCases.certificates)),
    ],
    errorMappings: [certErrorMapping],
    beforeListening: [draining(adapters)],
    loops: [listener, jobs.crl, jobs.recovery, jobs.reconciliation, jobs.worker, jobs.schedule],
  });
  return {
    name: hosted.name,
    start: () => hosted.start(),
    stop: () => hosted.stop(),
    get ports() {
      return { ...hosted.ports, pki: listener.port };
    },
  };
}

interface Adapters {
  readonly certificates: CertificateStore & { close(): Promise<void> };
  readonly authorities: AuthorityStore;
  readonly crls: CrlStore;
  readonly reconciliation: ReconciliationStore;
  readonly trail: EventTrail;
  readonly signer: SigningBackend & { close?(): Promise<void> };
  readonly keys: KeyRegistry;
  readonly ledger: Ledger;
  readonly tasks: TaskQueue;
}

function createAdapters(host: Host, parts: { config: CertConfig; overrides: CertOverrides }): Adapters {
  const { config, overrides } = parts;
  const { database: db, clock, randomBytes, relay } = host;
  const events = new EventOutbox({ clock, randomBytes, onCommitted: () => relay.wake() });
  const signer = { service: 'signer', address: config.signerAddress } as const;
  const scheduler = { service: 'task-scheduler', address: config.taskSchedulerAddress } as const;
  const signing = host.peer(SigningService, signer);
  return {
    certificates: new PostgresCertificateStore({ db, events }),
    authorities: new CachedAuthorityStore({
      store: new PostgresAuthorityStore({ db, events }),
      nowMs: () => performance.now(),
    }),
    crls: new PostgresCrlStore({ db, events }),
    reconciliation: new PostgresReconciliationStore({ db }),
    trail: new PostgresEventTrail({ db, events }),
    signer: overrides.signer ?? new SignerBackend({ client: signing }),
    keys: overrides.keys ?? new SignerKeyRegistry({ client: host.peer(KeyService, signer) }),
    ledger: overrides.ledger ?? new SignerLedger({ client: signing }),
    tasks: new SchedulerTaskQueue({
      tasks: host.peer(TaskService, scheduler),
      schedules: host.peer(ScheduleService, scheduler),
    }),
  };
}

type UseCases = ReturnType<typeof createUseCases>;

function createUseCases(
  { clock, randomBytes, log }: Host,
  parts: { adapters: Adapters; config: CertConfig; onCrlDue: () => void },
) {
  const { adapters, config, onCrlDue } = parts;
  const { certificates, authorities, signer, keys, trail, tasks } = adapters;
  const complete = new CompleteIssuance({ certificates });
  const resolve = new ResolveIntent({ certificates, signer, complete, onResolved: () => undefined });
  const pipeline = new IssuancePipeline({ certificates, signer, complete, resolve, clock, randomBytes });
  const refusals = new RefusalLog({
    trail,
    clock,
    onFailure: (err) => log.error({ err }, 'a refusal could not be told to the audit trail'),
  });
  const renew = new RenewCertificate({ certificates, authorities, pipeline, refusals, clock });
  const completeAuthority = new CompleteAuthority({
    authorities,
    certificates,
    keys,
    signer,
    clock,
    randomBytes,
    onActivated: onCrlDue,
  });
  return {
    completeIssuance: complete,
    completeAuthority,
    certificates: {
      issue: new IssueCertificate({ authorities, pipeline, refusals, clock }),
      get: new GetCertificate({ certificates, authorities }),
      list: new ListCertificates({ certificates }),
      renew,
      revoke: new RevokeCertificate({ certificates, onRevoked: onCrlDue }),
    },
    authorities: {
      create: new CreateAuthority({
        authorities,
        complete: completeAuthority,
        clock,
        randomBytes,
        pkiBaseUrl: config.pkiBaseUrl,
      }),
      get: new GetAuthority({ authorities }),
      list: new ListAuthorities({ authorities }),
    },
    renewals: {
      findDue: new FindDueRenewals({ certificates, tasks, clock }),
      renew,
      postpone: new PostponeRenewal({ certificates, clock }),
    },
  };
}

interface Jobs {
  readonly crl: LeasedLoop;
  readonly recovery: Service;
  readonly reconciliation: Service;
  readonly worker: Service;
  readonly schedule: Service;
}

function createJobs(
  host: Host,
  parts: { adapters: Adapters; useCases: UseCases; config: CertConfig; listener: PkiListener },
): Jobs {
  const { adapters, useCases, config, listener } = parts;
  const { certificates, authorities, crls, signer, ledger, tasks } = adapters;
  const { log, metrics, observer, clock, randomBytes } = host;
  const lease = (name: string): LeaseHolder =>
    new LeaseHolder({ db: host.database, table: leases, name, holder: host.holder, ttlMs: LEASE_TTL_MS });
  const breaches = metrics.counter({
    name: 'certtasks_cert_ledger_breaches_total',
    help: "Rows of signer's ledger that no intent accounts for. Any is an alarm: run fsck.",
    labels: ['breach'],
  });
  const failures = metrics.counter({
    name: 'certtasks_cert_job_failures_total',
    help: 'Intents that could not be ended and CRLs that could not be made, at one attempt.',
    labels: ['job'],
  });
  const publish = new PublishCrl({
    authorities,
    crls,
    signer,
    clock,
    randomBytes,
    validityMs: config.crlValidityMs,
    onPublished: (shard) => listener.published(shard),
  });
  const recover = new RecoverIntents({
    certificates,
    authorities,
    resolve: new ResolveIntent({
      certificates,
      signer,
      complete: useCases.completeIssuance,
      onResolved: () => failpoint('cert.recover.after-resolve'),
    }),
    completeAuthority: useCases.completeAuthority,
    olderThanMs: config.recoveryAfterMs,
    onFailure: ({ subject, error: err }) => {
      failures.inc({ job: 'recovery' });
      log.warn({ err, subject }, 'an open intent could not be ended and is tried again');
    },
  });
  const reconcile = new ReconcileLedger({
    ledger,
    store: adapters.reconciliation,
    onBreach: (breach) => {
      breaches.inc({ breach: breach.breach });
      log.error(
        { ...breach, position: breach.position.toString() },
        'the ledger has a row that no intent accounts for: run fsck',
      );
    },
  });
  return {
    crl: crlJob({
      lease,
      observer,
      publish: new PublishDueCrls({
        crls,
        publish,
        clock,
        onFailure: ({ shard, error: err }) => {
          failures.inc({ job: 'crl' });
          log.warn({ err, ...shard }, 'a CRL could not be made and is put off');
        },
      }),
    }),
    recovery: recoveryJob({ lease, observer, recover, afterMs: config.recoveryAfterMs }),
    reconciliation: reconciliationJob({ lease, observer, reconcile }),
    worker: new TaskWorker({
      client: host.peer(WorkerService, { service: 'task-scheduler', address: config.taskSchedulerAddress }),
      workerId: host.holder,
      handlers: renewalTasks(useCases.renewals),
      concurrency: config.renewalConcurrency,
      leaseMs: config.renewalLeaseMs,
      log,
      metrics,
    }),
    schedule: new RenewalScheduleJob({ tasks, intervalMs: config.renewalScanIntervalMs, log }),
  };
}

/** Stops after the listeners, so nothing that was taken is left without its row or its answer. */
function draining({ certificates, signer }: Adapters): Service {
  return {
    name: 'writes under way',
    start: async () => undefined,
    stop: async () => {
      await signer.close?.();
      await certificates.close();
    },
  };
}
