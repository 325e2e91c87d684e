import { createDatabase } from '@cert-tasks/db';
import {
  leafCommitment,
  leafHash,
  noteVerifier,
  verifyCheckpoint,
  verifyConsistency,
  verifyInclusion,
  verifyTlogProof,
} from '@cert-tasks/merkle';
import { testLog, waitFor } from '@cert-tasks/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyLog } from '../src/fsck.ts';
import { sampleId } from '../src/testing/sample-events.ts';
import { type AuditPlatform, auditPlatform } from './audit-platform.ts';

const ORIGIN = 'log.test/audit';

let platform: AuditPlatform;
let replicas: ReturnType<AuditPlatform['replica']>[];

/** Two replicas without a broker, next to the real signer. */
beforeAll(async () => {
  platform = await auditPlatform();
  replicas = [platform.replica(), platform.replica()];
  for (const { app } of replicas) await app.start();
});
afterAll(() => platform.stop());

async function auditor(replica = 0, roles: Readonly<Record<string, readonly string[]>> = { acme: ['auditor'] }) {
  const app = replicas[replica]?.app;
  if (app === undefined) throw new Error('There is no such replica.');
  return await platform.clientOf(app, { sub: 'alice', roles });
}

function name(source: string, number: bigint, project = 'acme'): string {
  return `projects/${project}/auditEntries/${sampleId(source, number)}`;
}

async function proved(client: Awaited<ReturnType<typeof auditor>>, entry: string) {
  return await waitFor(
    async () => {
      try {
        return await client.getInclusionProof({ name: entry });
      } catch {
        return undefined;
      }
    },
    { what: `a proof of ${entry}` },
  );
}

test('an event is in the log and proved against a checkpoint that signer witnessed, on every replica', async () => {
  const client = await auditor();
  platform.cert.emit(1);
  const began = performance.now();
  const proof = await proved(client, name('cert', 1n));
  expect(performance.now() - began).toBeLessThan(5_000);
  platform.cert.emit(299);
  platform.task.emit(20);
  await proved(client, name('cert', 300n));
  await proved(client, name('task-scheduler', 20n));

  const { checkpoint } = await client.getCheckpoint({ parent: 'projects/acme' });
  if (checkpoint === undefined) throw new Error('There is a checkpoint.');
  const policy = { origin: ORIGIN, logKeys: [noteVerifier(checkpoint.verifierKey)] };
  expect(verifyCheckpoint(checkpoint.signedNote, policy).checkpoint).toEqual({
    origin: ORIGIN,
    size: checkpoint.treeSize,
    root: checkpoint.rootHash,
  });
  const other = await auditor(1);
  for (const [source, count] of [
    ['cert', 300],
    ['task-scheduler', 20],
  ] as const) {
    for (let number = 1n; number <= count; number += 13n) {
      const { entry } = await other.getAuditEntry({ name: name(source, number) });
      const {
        index,
        leafData,
        hashes,
        tlogProof,
        checkpoint: head,
      } = await other.getInclusionProof({ name: name(source, number) });
      if (entry === undefined || head === undefined) throw new Error('Both are there.');
      // From what was committed to, down to the signature.
      const canonicalEvent = new TextEncoder().encode(entry.canonicalEvent);
      expect(Buffer.from(leafData)).toEqual(Buffer.from(leafCommitment({ salt: entry.salt, canonicalEvent })));
      const hash = leafHash(leafData);
      expect(verifyTlogProof(tlogProof, { leafHash: hash, policy }).index).toBe(index);
      verifyInclusion({ index, size: head.treeSize, root: head.rootHash, leafHash: hash, proof: hashes });
      expect(entry.event).toMatchObject({ source, number, id: sampleId(source, number), salt: new Uint8Array() });
    }
  }

  const oldSize = proof.checkpoint?.treeSize ?? 0n;
  const growth = await client.getConsistencyProof({ parent: 'projects/acme', oldSize, newSize: checkpoint.treeSize });
  const root1 = proof.checkpoint?.rootHash ?? new Uint8Array();
  verifyConsistency({ size1: oldSize, size2: growth.newSize, root1, root2: checkpoint.rootHash, proof: growth.hashes });
});

test("signer's own events are in the log: the making of the log's key", async () => {
  const client = await auditor(0, { system: ['auditor'] });
  const entry = await waitFor(
    async () => {
      const { entries } = await client.listAuditEntries({ parent: 'projects/system', filter: 'type = "key.created"' });
      return entries[0]?.event;
    },
    { what: 'the event of the key' },
  );
  expect(entry).toMatchObject({ source: 'signer', subject: 'projects/system/keys/audit-log', actor: { id: 'audit' } });
});

test('lists pages of what is asked for, newest first', async () => {
  const client = await auditor();
  const list = (fields: { filter?: string; orderBy?: string; pageToken?: string }) =>
    client.listAuditEntries({ parent: 'projects/acme', pageSize: 7, ...fields });
  const filter = 'source = "task-scheduler" AND actor = "alice" AND result = "SUCCESS"';
  await proved(client, name('task-scheduler', 20n));
  const numbers: bigint[] = [];
  for (let pageToken = '', guard = 0; guard < 9; guard++) {
    const page = await list({ filter, pageToken });
    numbers.push(...page.entries.map(({ event }) => event?.number ?? 0n));
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  expect(numbers).toEqual(Array.from({ length: 20 }, (_, i) => 20n - BigInt(i)));
  const { entries } = await list({ orderBy: 'index', filter: 'subject = "projects/acme/certificates/5"' });
  expect(entries.length).toBeGreaterThanOrEqual(2);
  for (const { event } of entries) expect(event?.subject).toBe('projects/acme/certificates/5');
});

test('what is wrong, foreign or too early is refused with its reason', async () => {
  const client = await auditor();
  const parent = 'projects/acme';
  const foreign = await auditor(0, { other: ['auditor'] });
  const stranger = await auditor(0, { acme: ['viewer'], other: [] });
  await expect(client.getAuditEntry({ name: name('cert', 999_999n) })).rejects.toMatchObject({
    rpcCode: 'NOT_FOUND',
    reason: 'ENTRY_NOT_FOUND',
    domain: 'certtasks.audit',
  });
  await expect(foreign.getAuditEntry({ name: name('cert', 1n, 'other') })).rejects.toMatchObject({
    rpcCode: 'NOT_FOUND',
  });
  await expect(foreign.getInclusionProof({ name: name('cert', 1n, 'other') })).rejects.toMatchObject({
    rpcCode: 'NOT_FOUND',
  });
  await expect(foreign.getAuditEntry({ name: name('cert', 1n) })).rejects.toMatchObject({
    rpcCode: 'PERMISSION_DENIED',
  });
  await expect(stranger.listAuditEntries({ parent })).rejects.toMatchObject({ rpcCode: 'PERMISSION_DENIED' });
  await expect(client.listAuditEntries({ parent, filter: 'x' })).rejects.toMatchObject({
    rpcCode: 'INVALID_ARGUMENT',
    field: 'filter',
  });
  await expect(client.listAuditEntries({ parent, orderBy: 'time' })).rejects.toMatchObject({ field: 'order_by' });
  await expect(client.listAuditEntries({ parent, pageToken: 'x' })).rejects.toMatchObject({ field: 'page_token' });
  await expect(client.getInclusionProof({ name: name('cert', 1n), treeSize: 2n ** 40n })).rejects.toMatchObject({
    rpcCode: 'INVALID_ARGUMENT',
    field: 'tree_size',
  });
  await expect(client.getConsistencyProof({ parent, oldSize: 0n })).rejects.toMatchObject({ field: 'old_size' });
});

test('sources are told how far the log is', async () => {
  platform.cert.emit(1);
  const last = platform.cert.emit(1)[0]?.number ?? 0n;
  await waitFor(() => platform.cert.reported.at(-1) === last, { what: 'the report' });
  expect(platform.cert.reported).toEqual([...new Set(platform.cert.reported)].toSorted((a, b) => Number(a - b)));
});

test('a replica takes over when the other stops, and reads of the log are in the log', async () => {
  const [first, second] = replicas;
  if (first === undefined || second === undefined) throw new Error('There are two.');
  const client = await auditor(0);
  await client.listAuditEntries({ parent: 'projects/acme' });
  await first.app.stop();
  const [event] = platform.cert.emit(1);
  const survivor = await auditor(1);
  await proved(survivor, name('cert', event?.number ?? 0n));
  // What the stopped one had counted was told at its stop, and is sequenced by the other.
  const read = await waitFor(
    async () => {
      const { entries } = await survivor.listAuditEntries({ parent: 'projects/acme', filter: 'type = "log.read"' });
      return entries.find((entry) => entry.event?.action.endsWith('/ListAuditEntries'))?.event;
    },
    { what: 'the event of the reads' },
  );
  expect(read).toMatchObject({ source: 'audit', actor: { id: 'alice', roles: ['auditor'] }, subject: 'projects/acme' });
  expect(read.data?.['count']).toBeGreaterThan(0);
});

test('denied access is in the log', async () => {
  const client = await auditor(1, { system: ['auditor'] });
  const stranger = await auditor(1, { other: ['auditor'] });
  await expect(stranger.getCheckpoint({ parent: 'projects/system' })).rejects.toMatchObject({
    rpcCode: 'PERMISSION_DENIED',
  });
  const denied = await waitFor(
    async () =>
      (await client.listAuditEntries({ parent: 'projects/system', filter: 'type = "access.denied"' })).entries[0]
        ?.event,
    { what: 'the denial' },
  );
  expect(denied).toMatchObject({ source: 'audit' });
});

test('the log is whole, its sources have nothing to say against it, and nothing was logged as an error', async () => {
  const db = createDatabase({
    url: platform.databases.services.audit.appUrl,
    schema: 'audit',
    applicationName: 'test',
    maxConnections: 1,
    log: testLog().log,
    statementTimeoutMs: 10_000,
  });
  try {
    expect(await verifyLog(db)).toEqual([]);
  } finally {
    await db.stop();
  }
  const errors = replicas.flatMap(({ logged }) =>
    logged.lines.filter((line) => Number(JSON.parse(line).level) >= 50 || JSON.parse(line).level === 'error'),
  );
  expect(errors).toEqual([]);
  const survivor = replicas[1]?.app;
  const metrics = await (await fetch(`http://127.0.0.1:${survivor?.ports.ops}/metrics`)).text();
  expect(metrics).toMatch(/certtasks_audit_source_lag\{source="cert"\} 0/);
  expect(metrics).toMatch(/certtasks_audit_conflicts_total\{source="cert",kind="number-reused"\} 0/);
  expect(metrics).toMatch(/certtasks_audit_checkpoint_fork 0/);
  expect(metrics).toMatch(/certtasks_audit_checkpoint_age_seconds [0-9.]+/);
  expect(metrics).toMatch(/certtasks_audit_gap_age_seconds\{source="signer"\} 0/);
});
