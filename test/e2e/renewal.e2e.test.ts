import { TaskState } from '@cert-tasks/contracts/task/v1';
import { sleep } from '@cert-tasks/kernel';
import { makeRequest } from '@cert-tasks/stack';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clients, PROJECT, TestPlatform } from '../test-platform.ts';

const parent = `projects/${PROJECT}`;

let test: TestPlatform;
let clients: Clients;

beforeAll(async () => {
  test = await TestPlatform.start({ extraSettings: { cert: { CERT_RENEWAL_SCAN_INTERVAL: '2s' } } });
  clients = test.clients();
}, 120_000);

afterAll(() => test.stop(), 60_000);

describe('the renewal schedule', () => {
  it('renews once what is due, by a task in its own project, and leaves alone what is not', async () => {
    const issue = async (name: string): Promise<string> => {
      const value = makeRequest({ dnsNames: [name] }).csrDer;
      const { certificate } = await clients.certificates.issueCertificate({
        parent,
        certificationRequest: { case: 'csrDer', value },
      });
      return certificate?.name ?? '';
    };
    const due = await issue('due.example.test');
    const early = await issue('early.example.test');
    await openWindow(due);

    const successor = await waitForSuccessor(due);
    const { tasks } = await clients.tasks.listTasks({ parent, filter: 'type = "cert.renew"' });
    expect(tasks.map(({ state, uniqueKey, result }) => ({ state, uniqueKey, result }))).toEqual([
      { state: TaskState.COMPLETED, uniqueKey: due, result: { certificate: successor } },
    ]);
    const { certificate: untouched } = await clients.certificates.getCertificate({ name: early });
    expect(untouched?.replacedBy).toBe('');
    expect(await test.settle()).toEqual([]);
  });
});

/** Makes a certificate due now: windows open after months. */
async function openWindow(name: string): Promise<void> {
  const sql = postgres(test.platform.databaseUrl, { max: 1 });
  try {
    await sql`update cert.certificates set renew_from = now() - interval '1 minute' where id = ${name.split('/').at(-1) ?? ''}`;
  } finally {
    await sql.end();
  }
}

/** The successor's name, once the task that made it has ended. */
async function waitForSuccessor(name: string): Promise<string> {
  for (const until = performance.now() + 30_000; performance.now() < until; await sleep(100)) {
    const { certificate } = await clients.certificates.getCertificate({ name });
    const { tasks } = await clients.tasks.listTasks({ parent, filter: 'type = "cert.renew" AND state = "COMPLETED"' });
    if (certificate?.replacedBy && tasks.length > 0) return certificate.replacedBy;
  }
  throw new Error(`${name} was not renewed`);
}
