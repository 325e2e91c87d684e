/** Where a failpoint can be met. `any`: in every service, since all of them run that code. */
export type FailpointService = 'cert' | 'signer' | 'task-scheduler' | 'audit' | 'any';

/** One place in the code at which a process can be made to die. */
export interface FailpointDescription {
  readonly service: FailpointService;
  /** The step at which the process dies: what has happened by then, and what has not. */
  readonly description: string;
}

const ALL = {
  'cert.issue.before-intent': {
    service: 'cert',
    description: 'A request to issue was accepted; nothing of it is stored yet.',
  },
  'cert.issue.after-intent': {
    service: 'cert',
    description: 'The intent (serial and TBS) is durable; signer has not been asked.',
  },
  'cert.issue.after-sign': {
    service: 'cert',
    description: 'Signer has answered with the signature; it is not verified.',
  },
  'cert.issue.after-verify': {
    service: 'cert',
    description: 'The signed certificate was verified; it is not stored.',
  },
  'cert.issue.after-commit': {
    service: 'cert',
    description: 'The certificate and its event are durable; the caller has no answer.',
  },
  'cert.revoke.before-commit': {
    service: 'cert',
    description: 'The revocation and its event are written but not committed.',
  },
  'cert.revoke.after-commit': {
    service: 'cert',
    description: 'The revocation and its event are durable; the caller has no answer.',
  },
  'cert.crl.after-intent': {
    service: 'cert',
    description: 'The intent of a CRL (number and TBS) is durable; signer has not been asked.',
  },
  'cert.crl.after-sign': {
    service: 'cert',
    description: 'Signer has signed the CRL; it is not stored.',
  },
  'cert.crl.after-commit': {
    service: 'cert',
    description: 'The CRL and its event are durable; nothing has been told of it.',
  },
  'cert.renew.after-lease': {
    service: 'cert',
    description: 'The worker has leased a renewal task; it has done nothing for it.',
  },
  'cert.renew.after-issue': {
    service: 'cert',
    description: 'The renewed certificate is issued; the task knows nothing of it.',
  },
  'cert.renew.before-complete': {
    service: 'cert',
    description: 'The result of the renewal is ready; the task is not completed.',
  },
  'cert.recover.after-resolve': {
    service: 'cert',
    description: 'Signer has resolved a pending intent; cert has not stored its end.',
  },
  'signer.sign.before-ledger': {
    service: 'signer',
    description: 'The signature is made; it is in no ledger row.',
  },
  'signer.sign.after-ledger': {
    service: 'signer',
    description: 'The ledger row is durable; the signature has not left.',
  },
  'signer.resolve.after-void': {
    service: 'signer',
    description: 'An intent is voided for good; the caller has no answer.',
  },
  'signer.checkpoint.before-ledger': {
    service: 'signer',
    description: 'A checkpoint was found consistent and is signed; it is in no ledger row.',
  },
  'signer.checkpoint.after-ledger': {
    service: 'signer',
    description: 'The ledger row of a checkpoint is durable; its signature has not left.',
  },
  'signer.key.after-create': {
    service: 'signer',
    description: 'A new key and its event are durable; the caller has no answer.',
  },
  'task.create.after-commit': {
    service: 'task-scheduler',
    description: 'A task and its event are durable; no worker was woken, the caller has no answer.',
  },
  'task.lease.after-commit': {
    service: 'task-scheduler',
    description: 'Tasks are leased; the worker has not received them.',
  },
  'task.complete.before-commit': {
    service: 'task-scheduler',
    description: 'The end of a task and its event are written but not committed.',
  },
  'task.complete.after-commit': {
    service: 'task-scheduler',
    description: 'The end of a task and its event are durable; the worker has no answer.',
  },
  'task.schedule.after-occurrence': {
    service: 'task-scheduler',
    description: 'An occurrence of a schedule has its task; nothing after it was done.',
  },
  'task.expire.after-commit': {
    service: 'task-scheduler',
    description: 'Expired leases are taken back; no other worker was woken.',
  },
  'audit.sequence.before-commit': {
    service: 'audit',
    description: 'Events are written as leaves of the log but not committed.',
  },
  'audit.sequence.after-commit': {
    service: 'audit',
    description: 'The leaves are durable; no event was acknowledged.',
  },
  'audit.checkpoint.after-sign': {
    service: 'audit',
    description: 'Signer has witnessed a checkpoint; it is not stored.',
  },
  'audit.checkpoint.after-commit': {
    service: 'audit',
    description: 'The witnessed checkpoint is durable; nothing has been told of it.',
  },
  'audit.position.before-report': {
    service: 'audit',
    description: 'Events of a source are in the log; the source has not been told how far.',
  },
  'relay.stamp.before-commit': {
    service: 'any',
    description: 'Events of the outbox have their numbers, not committed.',
  },
  'relay.stamp.after-commit': {
    service: 'any',
    description: 'The numbers of events are durable; the events are not published.',
  },
  'relay.publish.after-publish': {
    service: 'any',
    description: 'Events are published; that they are is not recorded.',
  },
} as const satisfies Record<string, FailpointDescription>;

/** Name of a failpoint: area, operation and step. */
export type FailpointName = keyof typeof ALL;

/** Every failpoint of the platform, in the order in which the steps happen. */
export const FAILPOINTS: Readonly<Record<FailpointName, FailpointDescription>> = ALL;

/** Whether the text names a failpoint. */
export function isFailpointName(text: string): text is FailpointName {
  return Object.hasOwn(FAILPOINTS, text);
}
