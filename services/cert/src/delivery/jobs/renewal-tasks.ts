import { failpoint } from '@cert-tasks/failpoint';
import { requestHash, requestKey } from '@cert-tasks/idempotency';
import { parseResourceName } from '@cert-tasks/kernel';
import { TaskFailure, type TaskHandler } from '@cert-tasks/worker';
import type { FindDueRenewals } from '../../application/find-due-renewals.ts';
import type { PostponeRenewal } from '../../application/postpone-renewal.ts';
import type { RenewCertificate } from '../../application/renew-certificate.ts';
import { certificateName } from '../../domain/certificate.ts';
import { CertError, type CertErrorCode } from '../../domain/errors.ts';
import { loopOrigin, type Origin } from '../../domain/event.ts';

/** The use cases behind the tasks. */
export interface RenewalUseCases {
  readonly findDue: FindDueRenewals;
  readonly renew: RenewCertificate;
  readonly postpone: PostponeRenewal;
}

/** Named in request keys, as if cert had called its own RPC. */
const RENEW_METHOD = 'certtasks.cert.v1.CertificateService/RenewCertificate';

/** Failures that pass by themselves: the task is tried again by its policy. */
const PASSING: ReadonlySet<CertErrorCode> = new Set<CertErrorCode>([
  'signer-unavailable',
  'request-in-progress',
  'scheduler-unavailable',
  'signature-invalid',
]);

/** The tasks of a renewal (docs/flows/renewal.md), by type. */
export function renewalTasks(useCases: RenewalUseCases): Readonly<Record<string, TaskHandler>> {
  return {
    'cert.renew-due': async (_task, { signal, heartbeat }) => {
      const due = await useCases.findDue.run({
        signal,
        onProgress: (found) => heartbeat({ percent: 50, message: `${found} due so far` }),
      });
      return { due };
    },

    'cert.renew': async ({ task, traceparent }, { signal }) => {
      failpoint('cert.renew.after-lease');
      const order = parseTask({ name: task?.name ?? '', certificate: task?.payload?.['certificate'] });
      const origin: Origin = { ...loopOrigin('cert.renew'), requestId: order.requestId, traceparent };
      const successor = await renew(useCases, { ...order, origin, signal });
      failpoint('cert.renew.before-complete');
      return { certificate: successor };
    },
  };
}

interface RenewalOrder {
  readonly project: string;
  readonly id: string;
  /** "task:" and the task's id: however often the task runs, one certificate comes of it (docs/adr/0005). */
  readonly requestId: string;
}

function parseTask({ name, certificate }: { name: string; certificate: unknown }): RenewalOrder {
  const task = parseResourceName(name, 'projects/{project}/tasks/{task}');
  const target =
    typeof certificate === 'string'
      ? parseResourceName(certificate, 'projects/{project}/certificates/{certificate}')
      : undefined;
  if (task === undefined || target === undefined) {
    throw new TaskFailure({
      reason: 'RESOURCE_NAME_MALFORMED',
      message: 'The payload must have the name of a certificate under "certificate".',
      final: true,
    });
  }
  // Whoever may make tasks in a project must not reach into another by a payload.
  if (target.project !== task.project) {
    throw new TaskFailure({
      reason: 'CERTIFICATE_NOT_FOUND',
      message: `There is no certificate of this name in project ${task.project}.`,
      final: true,
    });
  }
  return { project: task.project, id: target.certificate, requestId: `task:${task.task}` };
}

/** @returns the successor's name. */
async function renew(
  { renew: useCase, postpone }: RenewalUseCases,
  order: RenewalOrder & { readonly origin: Origin; readonly signal: AbortSignal },
): Promise<string> {
  const { project, id, requestId, origin, signal } = order;
  const key = requestKey({ project, principal: 'service:cert', method: RENEW_METHOD, requestId });
  const claim = key && { key, hash: requestHash(Buffer.from(certificateName({ project, id }))) };
  try {
    const { certificate } = await useCase.run({ project, id, csr: undefined, claim, origin, signal });
    failpoint('cert.renew.after-issue');
    return certificateName(certificate);
  } catch (error) {
    if (!(error instanceof CertError)) throw error;
    // Somebody else has renewed it: what was to be done is done.
    const successor = error.code === 'already-renewed' ? error.metadata?.['successor'] : undefined;
    if (successor !== undefined) return successor;
    const isFinal = !PASSING.has(error.code);
    if (isFinal) await postpone.run({ project, id });
    const reason = error.code.replaceAll('-', '_').toUpperCase();
    throw new TaskFailure({ reason, message: error.message.slice(0, 2_048), final: isFinal, cause: error });
  }
}
