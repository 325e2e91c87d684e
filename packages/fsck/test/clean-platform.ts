import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { migrate } from '@cert-tasks/db';
import { createTestDatabases, testLog } from '@cert-tasks/testkit';
import { parseCertificate, parseCertificateList } from '@cert-tasks/x509';
import postgres from 'postgres';
import type { AdminSql } from './admin-sql.ts';
import { type PlantedEvent, plantLog } from './clean-log.ts';

/** A platform at rest, as its services would have left it, planted by SQL. */
export interface CleanPlatform {
  readonly databaseUrl: string;
  readonly sql: AdminSql;
  /** Puts every row back. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

/** What tests plant their breaches in. */
export const ID = {
  root: uuid(1),
  authority: uuid(2),
  caKey: uuid(3),
  replaced: uuid(4),
  successor: uuid(5),
  revoked: uuid(6),
  failed: uuid(7),
  crl: uuid(8),
  logKey: uuid(9),
  finishedTask: uuid(10),
  liveTask: uuid(11),
  schedule: uuid(12),
} as const;

const SERVICES = { cert: 'cert', signer: 'signer', task: 'task-scheduler', audit: 'audit' } as const;
const PROJECT = 'acme';
const LONG_AGO = new Date('2026-01-01T00:00:00Z');
const FAR_AWAY = new Date('2120-01-01T00:00:00Z');

/** The events of the sources, in order; what cert tells last is not in the log yet. */
const EVENTS: Readonly<Record<string, readonly PlantedEvent[]>> = {
  signer: Array.from({ length: 259 }, () => ({ type: 'signing.performed', subject: `projects/${PROJECT}/keys/root` })),
  'task-scheduler': ['task.created', 'task.started', 'task.completed'].map((type) => ({
    type,
    subject: `projects/${PROJECT}/tasks/${ID.finishedTask}`,
  })),
  cert: [
    { type: 'certificate.created', subject: certificate(ID.root) },
    { type: 'certificate.created', subject: certificate(ID.replaced) },
    { type: 'certificate.created', subject: certificate(ID.revoked) },
    { type: 'certificate.renewed', subject: certificate(ID.successor) },
    { type: 'certificate.failed', subject: certificate(ID.failed) },
    { type: 'certificate.revoked', subject: certificate(ID.revoked), isWaiting: true },
  ],
};

/** Makes it in a database of its own, with all four schemas migrated. */
export async function cleanPlatform(): Promise<CleanPlatform> {
  const test = await createTestDatabases();
  const { log } = testLog();
  for (const [schema, service] of Object.entries(SERVICES)) {
    const folder = fileURLToPath(new URL(`../../../services/${service}/migrations`, import.meta.url));
    const { ownerUrl } = test.services[schema as keyof typeof SERVICES];
    await migrate({ ownerUrl, schema, folder, log });
  }
  const sql = postgres(test.adminUrl, {
    max: 1,
    types: { bigint: postgres.BigInt },
    connection: { session_replication_role: 'replica', TimeZone: 'UTC' },
    onnotice: () => undefined,
  });
  await plantSigner(sql);
  await plantCert(sql);
  await plantTasks(sql);
  await plantLog(sql, { events: EVENTS, logKey: ID.logKey });
  const tables = await keepRows(sql);
  return {
    databaseUrl: test.adminUrl,
    sql,
    restore: () => restoreRows(sql, tables),
    async close() {
      await sql.end();
      await test.drop();
    },
  };
}

/** The resource name of a certificate of the platform. */
export function certificate(id: string): string {
  return `projects/${PROJECT}/certificates/${id}`;
}

/** A fixture as DER. */
export function fixture(name: 'root' | 'replaced' | 'successor' | 'revoked' | 'crl'): Buffer {
  const pem = readFileSync(new URL(`fixtures/${name}.pem`, import.meta.url), 'utf8');
  return Buffer.from(pem.replaceAll(/-----.+?-----|\s/g, ''), 'base64');
}

async function plantSigner(sql: AdminSql): Promise<void> {
  const sealed = { sealed: Buffer.alloc(60, 1), wrapped_data_key: Buffer.alloc(61, 1), kek_id: 'kek' };
  const spki = new X509Certificate(fixture('root')).publicKey.export({ type: 'spki', format: 'der' });
  await sql`insert into signer.keys ${sql({
    id: ID.caKey,
    project: PROJECT,
    name: 'root',
    purpose: 'certificate-authority',
    algorithm: 'ec-p256',
    policy: sql.json({}),
    state: 'enabled',
    primary_version: 1,
    etag: 'e',
  })}`;
  await sql`insert into signer.key_versions ${sql({ key_id: ID.caKey, version: 1, public_key: spki, ...sealed })}`;
  const names = ['root', 'replaced', 'successor', 'revoked'] as const;
  const certificates = names.map((name) => {
    const { tbs, signature, serialNumberBytes } = parseCertificate(fixture(name));
    return { id: ID[name], kind: 'certificate', tbs, signature, serial: Buffer.from(serialNumberBytes) };
  });
  const list = parseCertificateList(fixture('crl'));
  const crl = { id: ID.crl, kind: 'crl', tbs: list.tbs, signature: list.signature, serial: null };
  for (const { id, kind, tbs, signature, serial } of [...certificates, crl]) {
    await sql`insert into signer.ledger ${sql({
      intent_id: id,
      key_id: ID.caKey,
      key_version: 1,
      kind,
      tbs: Buffer.from(tbs),
      tbs_sha256: sha256(tbs),
      signature: Buffer.from(signature),
      serial,
      caller: 'cert',
      state: 'signed',
    })}`;
  }
  await sql`insert into signer.ledger ${sql({ intent_id: ID.failed, key_id: ID.caKey, caller: 'cert', state: 'voided' })}`;
}

async function plantCert(sql: AdminSql): Promise<void> {
  const root = fixture('root');
  await sql`insert into cert.authorities ${sql({
    uid: ID.authority,
    project: PROJECT,
    id: 'root',
    type: 'root',
    state: 'active',
    subject: sql.json({}),
    subject_der: Buffer.alloc(2),
    issuer_uid: ID.authority,
    issuer_id: 'root',
    key_name: `projects/${PROJECT}/keys/root`,
    key_algorithm: 'ec-p256',
    spki: Buffer.alloc(1),
    certificate_id: ID.root,
    certificate: root,
    chain: [],
    lifetime_ms: 1n,
    not_before: LONG_AGO,
    not_after: FAR_AWAY,
    crl_shard_count: 1,
    pki_base_url: 'http://pki.test',
    created_at: LONG_AGO,
    version: 1n,
  })}`;
  await plantCertificate(sql, { id: ID.root, der: root, state: 'issued', profile: 'authority' });
  await plantCertificate(sql, {
    id: ID.replaced,
    der: fixture('replaced'),
    state: 'issued',
    replaced_by: ID.successor,
  });
  await plantCertificate(sql, {
    id: ID.successor,
    der: fixture('successor'),
    state: 'issued',
    renewed_from: ID.replaced,
  });
  await plantCertificate(sql, {
    id: ID.revoked,
    der: fixture('revoked'),
    state: 'revoked',
    revoked_at: LONG_AGO,
    revocation_reason: 4,
  });
  await plantCertificate(sql, { id: ID.failed, state: 'failed' });
  await sql`insert into cert.requests ${sql({
    key: Buffer.alloc(32),
    hash: Buffer.alloc(32),
    resource: certificate(ID.replaced),
  })}`;
  await sql`insert into cert.revocations ${sql({
    certificate_id: ID.revoked,
    authority_uid: ID.authority,
    shard: 0,
    serial: Buffer.from(parseCertificate(fixture('revoked')).serialNumberBytes),
    revoked_at: LONG_AGO,
    reason: 4,
    not_after: FAR_AWAY,
    revision: 1n,
  })}`;
  await sql`insert into cert.crls ${sql({
    id: ID.crl,
    authority_uid: ID.authority,
    shard: 0,
    number: 1n,
    state: 'published',
    tbs: Buffer.from(parseCertificateList(fixture('crl')).tbs),
    der: fixture('crl'),
    this_update: LONG_AGO,
    next_update: FAR_AWAY,
    revision: 1n,
  })}`;
  await sql`insert into cert.crl_shards ${sql({
    authority_uid: ID.authority,
    shard: 0,
    next_number: 2n,
    revision: 1n,
    published_revision: 1n,
    due_at: FAR_AWAY,
    current_crl_id: ID.crl,
  })}`;
}

/** Columns of cert.certificates that differ among the platform's certificates. */
interface CertificateColumns {
  readonly id: string;
  readonly state: string;
  readonly der?: Buffer;
  readonly profile?: string;
  readonly replaced_by?: string;
  readonly renewed_from?: string;
  readonly revoked_at?: Date;
  readonly revocation_reason?: number;
  readonly created_at?: Date;
  readonly serial?: Buffer;
}

/** Inserts one; without DER, one that was never signed. */
export async function plantCertificate(sql: AdminSql, columns: CertificateColumns): Promise<void> {
  const { der } = columns;
  const parsed = der && parseCertificate(der);
  await sql`insert into cert.certificates ${sql({
    project: PROJECT,
    authority_uid: ID.authority,
    authority_id: 'root',
    profile: 'tls-server',
    profile_revision: 1,
    serial: serialColumn(parsed?.serialNumberBytes ?? sha256(Buffer.from(columns.id))),
    subject: '',
    dns_names: [],
    ip_addresses: [],
    uris: [],
    email_addresses: [],
    not_before: LONG_AGO,
    not_after: FAR_AWAY,
    tbs: Buffer.from(parsed?.tbs ?? Buffer.alloc(1)),
    spki: Buffer.alloc(1),
    spki_sha256: Buffer.alloc(32),
    fingerprint_sha256: der === undefined ? null : sha256(der),
    crl_shard: 0,
    labels: sql.json({}),
    renew_from: FAR_AWAY,
    renew_by: FAR_AWAY,
    created_at: LONG_AGO,
    version: 1n,
    ...columns,
  })}`;
}

async function plantTasks(sql: AdminSql): Promise<void> {
  const definition = {
    type: 'cert.renew',
    priority: 1,
    payload: {},
    labels: {},
    schedule_at: null,
    deadline_at: null,
    attempt_timeout_ms: 60_000,
    max_attempts: 3,
    initial_backoff_ms: 1_000,
    max_backoff_ms: 60_000,
    unique_key: null,
    schedule: null,
    traceparent: null,
  };
  const unique = { ...definition, unique_key: 'one' };
  const columns = ({ payload, labels, ...rest }: typeof definition | typeof unique) => ({
    ...rest,
    project: PROJECT,
    payload: sql.json(payload),
    labels: sql.json(labels),
    weight: 1,
    progress_percent: 0,
    progress_message: '',
    run_at: LONG_AGO,
    created_at: LONG_AGO,
  });
  const ended = { attempt: 1, fence: 1n, at: LONG_AGO, worker: 'w' };
  const finished = { task_id: ID.finishedTask, ...ended };
  const live = { task_id: ID.liveTask, ...ended };
  const events = [
    { ...finished, sequence: 1, state: 'pending', attempt: 0, fence: 0n, worker: null, detail: sql.json(definition) },
    { ...finished, sequence: 2, state: 'running', detail: null },
    { ...finished, sequence: 3, state: 'completed', detail: sql.json({ result: { done: true } }) },
    { ...live, sequence: 1, state: 'pending', attempt: 0, fence: 0n, worker: null, detail: sql.json(unique) },
    { ...live, sequence: 2, state: 'running', detail: null },
  ];
  for (const event of events) await sql`insert into task.task_events ${sql(event)}`;
  await sql`insert into task.finished_tasks ${sql({
    ...columns(definition),
    id: ID.finishedTask,
    state: 'completed',
    attempt: 1,
    fence: 1n,
    ended_fence: 1n,
    lease_worker: 'w',
    result: sql.json({ done: true }),
    version: 3,
    started_at: LONG_AGO,
    ended_at: LONG_AGO,
  })}`;
  await sql`insert into task.tasks ${sql({
    ...columns(unique),
    id: ID.liveTask,
    state: 'running',
    attempt: 1,
    fence: 1n,
    lease_worker: 'w',
    lease_ms: 60_000,
    lease_expires_at: FAR_AWAY,
    version: 2,
    started_at: LONG_AGO,
  })}`;
  const key = { project: PROJECT, type: 'cert.renew', unique_key: 'one', task_id: ID.liveTask };
  await sql`insert into task.task_unique_keys ${sql(key)}`;
  await sql`insert into task.schedule_occurrences ${sql({
    schedule_id: ID.schedule,
    planned_at: LONG_AGO,
    task_id: ID.finishedTask,
    created_at: LONG_AGO,
  })}`;
}

/** Copies every table's rows and returns the tables. */
async function keepRows(sql: AdminSql): Promise<readonly string[]> {
  const tables = await sql<{ name: string }[]>`
    select table_schema || '.' || table_name as name from information_schema.tables
    where table_schema in ('cert', 'signer', 'task', 'audit') and table_type = 'BASE TABLE' order by 1`;
  await sql`create schema kept`;
  for (const { name } of tables) await sql.unsafe(`create table kept."${name}" as table ${name}`);
  return tables.map(({ name }) => name);
}

async function restoreRows(sql: AdminSql, tables: readonly string[]): Promise<void> {
  const statements = tables.map(
    (name) => `delete from ${name}; insert into ${name} overriding system value table kept."${name}";`,
  );
  await sql.unsafe(`begin; ${statements.join('\n')} commit;`);
}

function serialColumn(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes).subarray(0, 20);
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** A UUID for a small number. */
export function uuid(n: number): string {
  return `01900000-0000-7000-8000-${n.toString().padStart(12, '0')}`;
}
