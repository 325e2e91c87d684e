import { randomUUID } from 'node:crypto';
import { CertificateState, RevocationReason } from '@cert-tasks/contracts/cert/v1';
import { KeyAlgorithm, KeyPurpose } from '@cert-tasks/contracts/signer/v1';
import { TaskState } from '@cert-tasks/contracts/task/v1';
import { FAILPOINT_VARIABLE, FAILPOINTS, type FailpointName } from '@cert-tasks/failpoint';
import { sleep } from '@cert-tasks/kernel';
import { RpcError } from '@cert-tasks/rpc';
import { makeRequest, type TransportService } from '@cert-tasks/stack';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Clients, PROJECT, TestPlatform } from '../test-platform.ts';

const SERVICES: readonly TransportService[] = ['cert', 'signer', 'task-scheduler', 'audit'];
const parent = `projects/${PROJECT}`;

/** The relay is the same in every service: each of its failpoints dies in another one. */
const RELAY_VICTIM: Readonly<Record<string, TransportService>> = {
  'relay.stamp.before-commit': 'cert',
  'relay.stamp.after-commit': 'task-scheduler',
  'relay.publish.after-publish': 'signer',
};

function victimOf(name: FailpointName): TransportService {
  const { service } = FAILPOINTS[name];
  return service === 'any' ? (RELAY_VICTIM[name] ?? 'cert') : service;
}

let test: TestPlatform;
let clients: Clients;
let admin: Clients;

beforeAll(async () => {
  test = await TestPlatform.start({
    extraSettings: { cert: { CERT_RECOVERY_AFTER: '2s', CERT_RENEWAL_SCAN_INTERVAL: '2s', CERT_RENEWAL_LEASE: '2s' } },
  });
  clients = test.clients();
  admin = test.clients(test.token({ kind: 'admin', roles: { '*': ['admin'] } }));
}, 120_000);

/** A test that failed leaves its victim armed; the next one must not meet that. */
afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  for (const service of SERVICES) await test.platform.restart(service);
}, 60_000);

afterAll(() => test.stop(), 60_000);

/** One life with request ids of its own, so that doing it again does it once. */
interface Life {
  readonly csrDer: Uint8Array;
  readonly ids: Readonly<Record<'issue' | 'revoke' | 'task' | 'key', string>>;
}

function newLife(): Life {
  const id = randomUUID();
  return {
    csrDer: makeRequest({ dnsNames: [`${id}.example.test`] }).csrDer,
    ids: { issue: `${id}-issue`, revoke: `${id}-revoke`, task: `${id}-task`, key: `${id}-key` },
  };
}

interface LifeOutcome {
  readonly certificate: string;
  readonly serial: string;
  readonly successor: string;
  readonly task: string;
}

/** Issues, renews by task, revokes, and makes a key: every step that has a failpoint happens in it or follows from it. */
async function live({ csrDer, ids }: Life): Promise<LifeOutcome> {
  const { certificate } = await clients.certificates.issueCertificate({
    parent,
    certificationRequest: { case: 'csrDer', value: csrDer },
    requestId: ids.issue,
  });
  const name = certificate?.name ?? '';
  const { task } = await clients.tasks.createTask({
    parent,
    type: 'cert.renew',
    payload: { certificate: name },
    retryPolicy: { maxAttempts: 20, initialBackoff: { seconds: 0n, nanos: 200_000_000 }, maxBackoff: { seconds: 1n } },
    requestId: ids.task,
  });
  const successor = await renewed(task?.name ?? '');
  await clients.certificates.revokeCertificate({
    name,
    reason: RevocationReason.KEY_COMPROMISE,
    requestId: ids.revoke,
  });
  await admin.keys.createKey({
    parent,
    keyId: `k-${ids.key}`.slice(0, 60),
    purpose: KeyPurpose.LOG_CHECKPOINT,
    algorithm: KeyAlgorithm.ED25519,
    checkpointOrigin: 'test/origin',
    requestId: ids.key,
  });
  return { certificate: name, serial: certificate?.serialNumber ?? '', successor, task: task?.name ?? '' };
}

async function renewed(taskName: string): Promise<string> {
  for (const until = performance.now() + 60_000; performance.now() < until; await sleep(100)) {
    const { task } = await clients.tasks.getTask({ name: taskName });
    if (task?.state === TaskState.COMPLETED) return String(task.result?.['certificate'] ?? '');
    if (task?.state === TaskState.DEAD || task?.state === TaskState.FAILED)
      throw new Error(`task ended: ${task.lastError?.reason} ${task.lastError?.message}`);
  }
  throw new Error(`${taskName} did not end`);
}

/** Lives the same life again until all of it holds: what fails while a service is away may be repeated. */
async function liveAgain(life: Life): Promise<LifeOutcome> {
  for (const until = performance.now() + 60_000; ; await sleep(200)) {
    try {
      return await live(life);
    } catch (error) {
      const retryable =
        error instanceof RpcError &&
        ['UNAVAILABLE', 'ABORTED', 'DEADLINE_EXCEEDED', 'CANCELLED', 'UNKNOWN', 'INTERNAL'].includes(error.rpcCode);
      if (!retryable || performance.now() > until) throw error;
    }
  }
}

describe('a process that dies at a named step', () => {
  it.each(Object.keys(FAILPOINTS) as FailpointName[])(
    '%s: what was under way is done once, and every invariant holds',
    async (name) => {
      const victim = victimOf(name);
      const life = newLife();
      if (name === 'signer.resolve.after-void') await orphanIntent(life);
      const { exited } = await startDying(victim, name);
      if (name === 'cert.recover.after-resolve') {
        await orphanIntent(life);
        await test.platform.restart('signer');
      }

      if (name === 'task.expire.after-commit') await abandonTask();

      // The life is lived in the background, again and again where a call fails; some call of it, or a loop that it feeds, meets the failpoint.
      const first = liveAgain(life);
      const exit = await Promise.race([exited, sleep(30_000).then(() => undefined)]);
      expect(exit, `${victim} never came to ${name}`).toEqual({ signal: 'SIGKILL' });
      await test.platform.restart(victim);
      const outcome = await first;
      expect(await liveAgain(life), 'the same requests again').toEqual(outcome);
      const { certificate } = await clients.certificates.getCertificate({ name: outcome.certificate });
      expect(certificate?.state).toBe(CertificateState.REVOKED);
      expect(certificate?.replacedBy).toBe(outcome.successor);
      expect(await test.settle()).toEqual([]);
    },
    180_000,
  );

  it('leaves every service alive in the end', () => {
    for (const service of SERVICES) expect(test.platform.service(service).pid).toBeTypeOf('number');
  });
});

/** Leaves an intent open: signer is gone, so the call fails after its intent is durable, and only recovery can end it. */
async function orphanIntent(life: Life): Promise<void> {
  await test.platform.service('signer').stop();
  await expect(
    clients.certificates.issueCertificate({
      parent,
      certificationRequest: { case: 'csrDer', value: life.csrDer },
      requestId: life.ids.issue,
    }),
  ).rejects.toMatchObject({ rpcCode: 'UNAVAILABLE' });
}

/** Leases a task and never says a word again: its lease runs out. */
async function abandonTask(): Promise<void> {
  const type = 'test.abandoned';
  await clients.tasks.createTask({ parent, type, retryPolicy: { maxAttempts: 1 }, requestId: randomUUID() });
  const leased = await clients.workers.leaseTasks({
    parent,
    worker: 'a worker that dies',
    types: [type],
    maxTasks: 1,
    leaseDuration: { seconds: 2n },
  });
  expect(leased.tasks).toHaveLength(1);
}

/** Starts a service that dies at the failpoint. One that is met by a loop may be met before the service is ready. */
async function startDying(victim: TransportService, name: FailpointName): Promise<{ exited: Promise<unknown> }> {
  try {
    const service = await test.platform.restart(victim, { [FAILPOINT_VARIABLE]: name });
    return { exited: service.exited };
  } catch (error) {
    if (error instanceof Error && /ended by SIGKILL while starting/.test(error.message))
      return { exited: Promise.resolve({ signal: 'SIGKILL' }) };
    throw error;
  }
}
