import { AuthorityType } from '@cert-tasks/contracts/cert/v1';
import { KeyAlgorithm, KeyPurpose } from '@cert-tasks/contracts/signer/v1';
import { makeRequest } from '@cert-tasks/stack';
import { waitFor } from '@cert-tasks/testkit';
import type { Clients } from '../test-platform.ts';

const LEASE = { seconds: 600n };
const FAR_AHEAD_SECONDS = 30 * 24 * 3600;

/** A task in a worker's hands, in proto JSON. */
interface Leased {
  readonly name: string;
  readonly fence: string;
}

/** One of everything that a project can have, by resource name. */
export interface ProjectFixture {
  /** `projects/{project}`. */
  readonly parent: string;
  /** A root whose id no other project has. */
  readonly authority: string;
  /** A subordinate of it, which issues. */
  readonly issuer: string;
  readonly certificate: string;
  /** A request that the issuer would certify. */
  readonly csrBase64: string;
  /** A checkpoint key. */
  readonly key: string;
  /** Waits for a time far ahead. */
  readonly waitingTask: string;
  readonly leased: { readonly toHeartbeat: Leased; readonly toComplete: Leased; readonly toFail: Leased };
  readonly schedule: string;
  /** An entry that a checkpoint covers. */
  readonly auditEntry: string;
  /** Words that stand in this project's data and in no request of another project's. */
  readonly secrets: readonly string[];
}

/** Makes one of everything in a project. */
export async function makeProject(project: string, admin: Clients): Promise<ProjectFixture> {
  const parent = `projects/${project}`;
  const authority = await createAuthority(admin, { parent, id: `${project}-root` });
  const issuer = await createAuthority(admin, { parent, id: `${project}-issuing`, issuer: authority });
  const dnsName = `vault.${project}.example.test`;
  const csrDer = makeRequest({ dnsNames: [dnsName] }).csrDer;
  const { certificate } = await admin.certificates.issueCertificate({
    parent,
    authority: issuer,
    certificationRequest: { case: 'csrDer', value: csrDer },
  });
  const { key } = await admin.keys.createKey({
    parent,
    keyId: `${project}-key`,
    purpose: KeyPurpose.LOG_CHECKPOINT,
    algorithm: KeyAlgorithm.ED25519,
    checkpointOrigin: `${project}/origin`,
  });
  const { schedule } = await admin.schedules.createSchedule({
    parent,
    scheduleId: `${project}-schedule`,
    interval: { seconds: 31_622_400n },
    taskType: 'test.noop',
  });
  const leased = await leaseThree(admin, { parent, project });
  const { task: waiting } = await admin.tasks.createTask({
    parent,
    type: 'test.noop',
    scheduleTime: { seconds: BigInt(Math.floor(Date.now() / 1000) + FAR_AHEAD_SECONDS) },
  });
  return {
    parent,
    authority,
    issuer,
    certificate: certificate?.name ?? '',
    csrBase64: Buffer.from(csrDer).toString('base64'),
    key: key?.name ?? '',
    waitingTask: waiting?.name ?? '',
    leased,
    schedule: schedule?.name ?? '',
    auditEntry: await provenEntry(admin, { parent, subject: certificate?.name ?? '' }),
    secrets: [dnsName, `${project}/origin`, `${project} common name`, `${project}-worker`],
  };
}

async function createAuthority(
  admin: Clients,
  { parent, id, issuer }: { parent: string; id: string; issuer?: string },
): Promise<string> {
  const { authority } = await admin.authorities.createAuthority({
    parent,
    authorityId: id,
    type: issuer === undefined ? AuthorityType.ROOT : AuthorityType.SUBORDINATE,
    subject: { commonName: `${parent.slice('projects/'.length)} common name ${issuer === undefined ? 1 : 2}` },
    ...(issuer !== undefined && { issuer }),
  });
  return authority?.name ?? '';
}

async function leaseThree(
  admin: Clients,
  { parent, project }: { parent: string; project: string },
): Promise<ProjectFixture['leased']> {
  for (let made = 0; made < 3; made += 1) {
    await admin.tasks.createTask({ parent, type: 'test.leased' });
  }
  const { tasks } = await admin.workers.leaseTasks({
    parent,
    worker: `${project}-worker`,
    types: ['test.leased'],
    maxTasks: 3,
    leaseDuration: LEASE,
  });
  const [first, second, third] = tasks.map(({ task, fence }) => ({ name: task?.name ?? '', fence: String(fence) }));
  if (first === undefined || second === undefined || third === undefined) throw new Error('Three tasks must be leased');
  return { toHeartbeat: first, toComplete: second, toFail: third };
}

async function provenEntry(admin: Clients, { parent, subject }: { parent: string; subject: string }): Promise<string> {
  return waitFor(
    async () => {
      const { entries } = await admin.audit.listAuditEntries({ parent, filter: `subject = "${subject}"` });
      const name = entries[0]?.name;
      if (name === undefined) return undefined;
      await admin.audit.getInclusionProof({ name });
      return name;
    },
    { what: `an entry about ${subject} under a checkpoint`, timeoutMs: 20_000 },
  );
}
