import { randomUUID } from 'node:crypto';
import type { DescMethod, DescService, JsonObject } from '@bufbuild/protobuf';
import * as auditV1 from '@cert-tasks/contracts/audit/v1';
import * as certV1 from '@cert-tasks/contracts/cert/v1';
import * as eventV1 from '@cert-tasks/contracts/event/v1';
import * as signerV1 from '@cert-tasks/contracts/signer/v1';
import * as taskV1 from '@cert-tasks/contracts/task/v1';
import type { TransportService } from '@cert-tasks/stack';
import type { ProjectFixture } from './project-fixture.ts';

/** A message in proto JSON. */
export type JsonMessage = JsonObject;

/** A request that a caller with the right is answered with success, and what is to be known about it. */
export interface RpcSample {
  readonly request: (project: ProjectFixture) => JsonMessage;
  /** Whether success changes anything: a viewer must not have the right. */
  readonly changes: boolean;
  /** The refusal where the request names another project's things under the caller's own project; undefined where it can name none. */
  readonly foreign: 'NOT_FOUND' | 'INVALID_ARGUMENT' | undefined;
  /** The platform's services that may call it on the internal listener, which the contract must say too. */
  readonly services?: readonly TransportService[];
  /** False: no token gives it, and the public listener does not know it. */
  readonly isPublic?: false;
}

const ALL_SERVICES: readonly TransportService[] = ['cert', 'signer', 'task-scheduler', 'audit'];
const internalOnly = { foreign: undefined, isPublic: false } as const;

/** Every RPC of the platform. A new one without a line here fails the walk. */
export const RPC_SAMPLES: Readonly<Record<string, RpcSample>> = {
  'certtasks.cert.v1.AuthorityService/CreateAuthority': {
    request: ({ parent, authority }) => ({
      parent,
      authorityId: `sub-${randomUUID()}`,
      type: 'AUTHORITY_TYPE_SUBORDINATE',
      issuer: authority,
      subject: { commonName: 'walked subordinate' },
    }),
    changes: true,
    foreign: 'NOT_FOUND',
  },
  'certtasks.cert.v1.AuthorityService/GetAuthority': {
    request: ({ authority }) => ({ name: authority }),
    changes: false,
    foreign: 'NOT_FOUND',
  },
  'certtasks.cert.v1.AuthorityService/ListAuthorities': {
    request: ({ parent }) => ({ parent, pageSize: 10 }),
    changes: false,
    foreign: undefined,
  },
  'certtasks.cert.v1.CertificateService/IssueCertificate': {
    request: ({ parent, issuer, csrBase64 }) => ({
      parent,
      authority: issuer,
      csrDer: csrBase64,
      requestId: randomUUID(),
    }),
    changes: true,
    foreign: 'NOT_FOUND',
  },
  'certtasks.cert.v1.CertificateService/GetCertificate': {
    request: ({ certificate }) => ({ name: certificate }),
    changes: false,
    foreign: 'NOT_FOUND',
  },
  'certtasks.cert.v1.CertificateService/ListCertificates': {
    request: ({ parent }) => ({ parent, pageSize: 10 }),
    changes: false,
    foreign: undefined,
  },
  'certtasks.cert.v1.CertificateService/RenewCertificate': {
    request: ({ certificate }) => ({ name: certificate, requestId: randomUUID() }),
    changes: true,
    foreign: 'NOT_FOUND',
  },
  'certtasks.cert.v1.CertificateService/RevokeCertificate': {
    request: ({ certificate }) => ({
      name: certificate,
      reason: 'REVOCATION_REASON_SUPERSEDED',
      requestId: randomUUID(),
    }),
    changes: true,
    foreign: 'NOT_FOUND',
  },
  'certtasks.signer.v1.KeyService/CreateKey': {
    request: ({ parent }) => ({
      parent,
      keyId: `key-${randomUUID()}`,
      purpose: 'KEY_PURPOSE_LOG_CHECKPOINT',
      algorithm: 'KEY_ALGORITHM_ED25519',
      checkpointOrigin: 'walked/origin',
      requestId: randomUUID(),
    }),
    changes: true,
    foreign: undefined,
    services: ['cert', 'audit'],
  },
  'certtasks.signer.v1.KeyService/GetKey': {
    request: ({ key }) => ({ name: key }),
    changes: false,
    foreign: 'NOT_FOUND',
    services: ['cert', 'audit'],
  },
  'certtasks.signer.v1.KeyService/ListKeys': {
    request: ({ parent }) => ({ parent, pageSize: 10 }),
    changes: false,
    foreign: undefined,
  },
  'certtasks.signer.v1.KeyService/DisableKey': {
    request: ({ key }) => ({ name: key, reason: 'walked', requestId: randomUUID() }),
    changes: true,
    foreign: 'NOT_FOUND',
  },
  'certtasks.signer.v1.SigningService/BatchSign': {
    request: ({ key }) => ({
      items: [{ intentId: randomUUID(), key, kind: 'TBS_KIND_CERTIFICATE', tbs: 'MAA=' }],
    }),
    changes: true,
    services: ['cert'],
    ...internalOnly,
  },
  'certtasks.signer.v1.SigningService/ResolveIntent': {
    request: ({ key }) => ({ intentId: randomUUID(), key }),
    changes: true,
    services: ['cert'],
    ...internalOnly,
  },
  'certtasks.signer.v1.SigningService/SignCheckpoint': {
    request: ({ key }) => ({ key, treeSize: '1', rootHash: Buffer.alloc(32, 1).toString('base64'), oldSize: '0' }),
    changes: true,
    services: ['audit'],
    ...internalOnly,
  },
  'certtasks.signer.v1.SigningService/ListLedgerEntries': {
    request: () => ({ afterPosition: '0', pageSize: 10 }),
    changes: false,
    services: ['cert', 'audit'],
    ...internalOnly,
  },
  'certtasks.task.v1.ScheduleService/CreateSchedule': {
    request: ({ parent }) => ({
      parent,
      scheduleId: `schedule-${randomUUID()}`,
      interval: '31622400s',
      taskType: 'test.noop',
    }),
    changes: true,
    foreign: undefined,
    services: ['cert'],
  },
  'certtasks.task.v1.ScheduleService/GetSchedule': {
    request: ({ schedule }) => ({ name: schedule }),
    changes: false,
    foreign: 'NOT_FOUND',
  },
  'certtasks.task.v1.ScheduleService/ListSchedules': {
    request: ({ parent }) => ({ parent, pageSize: 10 }),
    changes: false,
    foreign: undefined,
  },
  'certtasks.task.v1.ScheduleService/DeleteSchedule': {
    request: ({ schedule }) => ({ name: schedule }),
    changes: true,
    foreign: 'NOT_FOUND',
  },
  'certtasks.task.v1.TaskService/CreateTask': {
    request: ({ parent }) => ({ parent, type: 'test.noop', payload: { walked: true }, requestId: randomUUID() }),
    changes: true,
    foreign: undefined,
    services: ['cert'],
  },
  'certtasks.task.v1.TaskService/GetTask': {
    request: ({ waitingTask }) => ({ name: waitingTask }),
    changes: false,
    foreign: 'NOT_FOUND',
    services: ['cert'],
  },
  'certtasks.task.v1.TaskService/ListTasks': {
    request: ({ parent }) => ({ parent, pageSize: 10 }),
    changes: false,
    foreign: undefined,
  },
  'certtasks.task.v1.TaskService/ListTaskEvents': {
    request: ({ waitingTask }) => ({ parent: waitingTask, pageSize: 10 }),
    changes: false,
    foreign: 'NOT_FOUND',
  },
  'certtasks.task.v1.TaskService/CancelTask': {
    request: ({ waitingTask }) => ({ name: waitingTask, reason: 'walked', requestId: randomUUID() }),
    changes: true,
    foreign: 'NOT_FOUND',
  },
  'certtasks.task.v1.WorkerService/LeaseTasks': {
    request: ({ parent }) => ({ parent, worker: 'walker', types: ['test.noop'], maxTasks: 10 }),
    changes: true,
    foreign: undefined,
    services: ['cert'],
  },
  'certtasks.task.v1.WorkerService/HeartbeatTasks': {
    request: ({ parent, leased: { toHeartbeat } }) => ({
      parent,
      heartbeats: [{ name: toHeartbeat.name, fence: toHeartbeat.fence, progressPercent: 50 }],
    }),
    changes: true,
    foreign: 'INVALID_ARGUMENT',
    services: ['cert'],
  },
  'certtasks.task.v1.WorkerService/CompleteTask': {
    request: ({ leased: { toComplete } }) => ({ ...toComplete, result: { walked: true } }),
    changes: true,
    foreign: 'NOT_FOUND',
    services: ['cert'],
  },
  'certtasks.task.v1.WorkerService/FailTask': {
    request: ({ leased: { toFail } }) => ({ ...toFail, reason: 'WALKED', message: 'as it must', final: true }),
    changes: true,
    foreign: 'NOT_FOUND',
    services: ['cert'],
  },
  'certtasks.audit.v1.AuditService/ListAuditEntries': {
    request: ({ parent }) => ({ parent, pageSize: 10 }),
    changes: false,
    foreign: undefined,
  },
  'certtasks.audit.v1.AuditService/GetAuditEntry': {
    request: ({ auditEntry }) => ({ name: auditEntry }),
    changes: false,
    foreign: 'NOT_FOUND',
  },
  'certtasks.audit.v1.AuditService/GetCheckpoint': {
    request: ({ parent }) => ({ parent }),
    changes: false,
    foreign: undefined,
  },
  'certtasks.audit.v1.AuditService/GetInclusionProof': {
    request: ({ auditEntry }) => ({ name: auditEntry }),
    changes: false,
    foreign: 'NOT_FOUND',
  },
  'certtasks.audit.v1.AuditService/GetConsistencyProof': {
    request: ({ parent }) => ({ parent, oldSize: '1' }),
    changes: false,
    foreign: undefined,
  },
  'certtasks.event.v1.EventFeedService/ReadEvents': {
    request: () => ({ afterNumber: '0', pageSize: 10 }),
    changes: false,
    services: ['audit'],
    ...internalOnly,
  },
  'certtasks.event.v1.EventFeedService/ReportPosition': {
    request: () => ({ consumer: 'audit', number: '0' }),
    changes: true,
    services: ['audit'],
    ...internalOnly,
  },
};

/** An RPC with the service that serves it. */
export interface WalkedMethod {
  readonly name: string;
  readonly desc: DescMethod;
  readonly server: TransportService;
  readonly sample: RpcSample | undefined;
}

/** Which process serves the services of a proto package. */
const SERVERS: Readonly<Record<string, readonly TransportService[]>> = {
  'certtasks.cert.v1': ['cert'],
  'certtasks.signer.v1': ['signer'],
  'certtasks.task.v1': ['task-scheduler'],
  'certtasks.audit.v1': ['audit'],
  'certtasks.event.v1': ALL_SERVICES,
};

/** Every RPC that the contracts declare, once for each service that serves it. */
export function walkedMethods(): readonly WalkedMethod[] {
  const declared = [auditV1, certV1, eventV1, signerV1, taskV1].flatMap((module) =>
    Object.values<unknown>(module).filter(isService),
  );
  return declared.flatMap((service) =>
    (SERVERS[service.file.proto.package] ?? []).flatMap((server) =>
      service.methods.map((desc) => {
        const name = `${service.typeName}/${desc.name}`;
        return { name, desc, server, sample: RPC_SAMPLES[name] };
      }),
    ),
  );
}

function isService(value: unknown): value is DescService {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'service';
}
