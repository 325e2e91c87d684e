import { create } from '@bufbuild/protobuf';
import { type LeasedTask, LeasedTaskSchema } from '@cert-tasks/contracts/task/v1';
import { systemClock } from '@cert-tasks/kernel';
import { testLog } from '@cert-tasks/testkit';
import { type TaskContext, TaskFailure } from '@cert-tasks/worker';
import { beforeEach, describe, expect, it } from 'vitest';
import { FindDueRenewals } from '../../application/find-due-renewals.ts';
import { PostponeRenewal } from '../../application/postpone-renewal.ts';
import { type Certificate, certificateName } from '../../domain/certificate.ts';
import { type CertWorld, certWorld, SAMPLE_ORIGIN, sampleClaim } from '../../testing/cert-world.ts';
import { inMemoryStores } from '../../testing/in-memory-stores.ts';
import { InMemoryTaskQueue } from '../../testing/in-memory-task-queue.ts';
import { renewalTasks } from './renewal-tasks.ts';

const TASK = '0190a000-0000-7000-8000-000000000001';

describe('renewal tasks', () => {
  let stores: ReturnType<typeof inMemoryStores>;
  let world: CertWorld;
  let tasks: InMemoryTaskQueue;
  let handlers: ReturnType<typeof renewalTasks>;
  let project: string;
  let old: Certificate;

  beforeEach(async () => {
    stores = inMemoryStores();
    world = certWorld(stores);
    tasks = new InMemoryTaskQueue();
    const { certificates } = stores;
    handlers = renewalTasks({
      findDue: new FindDueRenewals({ certificates, tasks, clock: systemClock }),
      renew: world.renewCertificate,
      postpone: new PostponeRenewal({ certificates, clock: systemClock }),
    });
    ({ project } = await world.project());
    ({ certificate: old } = await world.issueCertificate.run(world.issueInput(project)));
  });

  const context = (): TaskContext => ({
    signal: AbortSignal.timeout(5_000),
    heartbeat: () => undefined,
    effectKey: (name) => name,
    log: testLog().log,
  });
  const leased = (changes: { project?: string; payload?: Record<string, string>; task?: string } = {}): LeasedTask =>
    create(LeasedTaskSchema, {
      task: {
        name: `projects/${changes.project ?? project}/tasks/${changes.task ?? TASK}`,
        type: 'cert.renew',
        payload: changes.payload ?? { certificate: certificateName(old) },
      },
      fence: 1n,
    });
  const renew = (task = leased()) => handlers['cert.renew']?.(task, context());
  const failure = async (run: Promise<unknown> | undefined): Promise<string> =>
    (run ?? Promise.resolve()).then(
      () => 'done',
      (error: unknown) =>
        error instanceof TaskFailure ? `${error.reason} ${error.final ? 'final' : 'again'}` : String(error),
    );

  it('renews, and answers the same however often the task runs', async () => {
    const result = await renew();
    const successor = (await stores.certificates.find({ project, id: old.id }))?.replacedBy;
    expect(result).toEqual({ certificate: certificateName({ project, id: successor ?? '' }) });
    expect(await renew()).toEqual(result);
    expect(stores.db.events.filter(({ type }) => type === 'certificate.renewed')).toHaveLength(1);
    expect(stores.db.events.at(-1)?.origin).toMatchObject({
      actor: { kind: 'service', id: 'cert' },
      requestId: `task:${TASK}`,
    });
  });

  it('is done where somebody else has renewed it', async () => {
    const { certificate } = await world.renewCertificate.run({
      project,
      id: old.id,
      csr: undefined,
      claim: sampleClaim(),
      origin: SAMPLE_ORIGIN,
      signal: AbortSignal.timeout(5_000),
    });
    expect(await renew()).toEqual({ certificate: certificateName(certificate) });
  });

  it('is tried again while signer is away, and ends with the certificate that the first attempt began', async () => {
    world.signer.mood = 'lost';
    expect(await failure(renew())).toBe('SIGNER_UNAVAILABLE again');
    world.signer.mood = 'well';
    await world.recover().run(AbortSignal.timeout(5_000));
    const successor = (await stores.certificates.find({ project, id: old.id }))?.replacedBy ?? '';
    expect(await renew()).toEqual({ certificate: certificateName({ project, id: successor }) });
    expect(world.signer.signatures).toBe(4);
  });

  it('fails for good where it can never succeed, and is put off', async () => {
    await world.revokeCertificate.run({
      project,
      id: old.id,
      reason: 'superseded',
      version: undefined,
      claim: undefined,
      origin: SAMPLE_ORIGIN,
    });
    expect(await failure(renew())).toBe('CERTIFICATE_NOT_ISSUED final');

    const { certificate } = await world.issueCertificate.run(world.issueInput(project));
    const due = { ...certificate, renewal: { ...certificate.renewal, start: new Date(Date.now() - 1_000) } };
    stores.db.change(certificate, due);
    world.signer.mood = 'refusing';
    const task = leased({ payload: { certificate: certificateName(certificate) }, task: TASK.replace('1', '2') });
    expect(await failure(renew(task))).toBe('ISSUANCE_REFUSED final');
    const later = (await stores.certificates.find({ project, id: certificate.id }))?.renewal.start;
    expect(later?.getTime()).toBeGreaterThan(Date.now() + 3_000_000);
  });

  it('reaches into no other project, and takes no payload that is none of its own', async () => {
    expect(await failure(renew(leased({ project: 'other' })))).toBe('CERTIFICATE_NOT_FOUND final');
    expect(await failure(renew(leased({ payload: {} })))).toBe('RESOURCE_NAME_MALFORMED final');
    expect(await failure(renew(leased({ payload: { certificate: 'x' } })))).toBe('RESOURCE_NAME_MALFORMED final');
    const unknown = certificateName({ project, id: '00000000-0000-7000-8000-000000000000' });
    expect(await failure(renew(leased({ payload: { certificate: unknown } })))).toBe('CERTIFICATE_NOT_FOUND final');
    expect((await stores.certificates.find({ project, id: old.id }))?.replacedBy).toBeUndefined();
  });

  it('makes a task for each certificate that is due', async () => {
    stores.db.change(old, { renewal: { ...old.renewal, start: new Date(Date.now() - 1_000) } });
    expect(await handlers['cert.renew-due']?.(leased(), context())).toEqual({ due: 1 });
    expect([...tasks.tasks]).toEqual([certificateName(old)]);
    tasks.isAway = true;
    await expect(handlers['cert.renew-due']?.(leased(), context())).rejects.toMatchObject({
      code: 'scheduler-unavailable',
    });
  });
});
