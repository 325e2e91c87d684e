import { randomUUID } from 'node:crypto';
import { CertificateState, RevocationReason } from '@cert-tasks/contracts/cert/v1';
import { TaskState } from '@cert-tasks/contracts/task/v1';
import { leafCommitment, leafHash, noteVerifier, verifyCheckpoint, verifyInclusion } from '@cert-tasks/merkle';
import { makeRequest } from '@cert-tasks/stack';
import { waitFor } from '@cert-tasks/testkit';
import type { Clients } from '../test-platform.ts';

const STEP_MS = 30_000;

/** A request to issue, with a request id of its own. */
export function newOrder(parent: string): {
  readonly parent: string;
  readonly certificationRequest: { readonly case: 'csrDer'; readonly value: Uint8Array };
  readonly requestId: string;
} {
  const id = randomUUID();
  const { csrDer } = makeRequest({ dnsNames: [`${id}.example.test`] });
  return { parent, certificationRequest: { case: 'csrDer', value: csrDer }, requestId: id };
}

/**
 * The life of one certificate: issued, renewed by a task, revoked, and each step proved to be in the log. Nothing in it repeats a call: it holds on a platform
 * on which every call is answered.
 *
 * @throws Error where a step does not come, or does not hold.
 */
export async function liveThrough(clients: Clients, parent: string): Promise<void> {
  const { certificate } = await clients.certificates.issueCertificate(newOrder(parent));
  const name = certificate?.name ?? '';
  const { task } = await clients.tasks.createTask({
    parent,
    type: 'cert.renew',
    payload: { certificate: name },
    requestId: randomUUID(),
  });
  const ended = await waitFor(
    async () => {
      const { task: now } = await clients.tasks.getTask({ name: task?.name ?? '' });
      return now?.endTime === undefined ? undefined : now;
    },
    { what: 'the renewal to end', timeoutMs: STEP_MS },
  );
  if (ended.state !== TaskState.COMPLETED) throw new Error(`The renewal ended as ${TaskState[ended.state]}`);
  const successor = String(ended.result?.['certificate']);
  const revoked = await clients.certificates.revokeCertificate({
    name,
    reason: RevocationReason.SUPERSEDED,
    requestId: randomUUID(),
  });
  if (revoked.certificate?.state !== CertificateState.REVOKED) throw new Error('It was not revoked');
  await proveLogged(clients, { parent, type: 'certificate.created', subject: name });
  await proveLogged(clients, { parent, type: 'certificate.renewed', subject: successor });
  await proveLogged(clients, { parent, type: 'task.completed', subject: ended.name });
  await proveLogged(clients, { parent, type: 'certificate.revoked', subject: name });
}

/** Waits until an event is in the log under a checkpoint, and verifies that it is. */
export async function proveLogged(
  clients: Clients,
  { parent, type, subject }: { parent: string; type: string; subject: string },
): Promise<void> {
  const { entry, proof } = await waitFor(
    async () => {
      const { entries } = await clients.audit.listAuditEntries({
        parent,
        filter: `type = "${type}" AND subject = "${subject}"`,
      });
      const [found] = entries;
      if (found === undefined) return undefined;
      return { entry: found, proof: await clients.audit.getInclusionProof({ name: found.name }) };
    },
    { what: `${type} of ${subject} to be in a signed tree`, timeoutMs: STEP_MS },
  );
  const { origin = '', signedNote = '', verifierKey = '' } = proof.checkpoint ?? {};
  const { checkpoint } = verifyCheckpoint(signedNote, { origin, logKeys: [noteVerifier(verifierKey)] });
  verifyInclusion({
    index: proof.index,
    size: checkpoint.size,
    root: checkpoint.root,
    proof: proof.hashes,
    leafHash: leafHash(leafCommitment({ salt: entry.salt, canonicalEvent: Buffer.from(entry.canonicalEvent) })),
  });
}
