import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Breach } from '../src/breach.ts';
import { fsck } from '../src/fsck.ts';
import type { AdminSql } from './admin-sql.ts';
import { checkpointRow, ERASED_NUMBER, eventBody } from './clean-log.ts';
import {
  type CleanPlatform,
  certificate,
  cleanPlatform,
  fixture,
  ID,
  plantCertificate,
  uuid,
} from './clean-platform.ts';

/** The clean platform was planted less than a minute ago: what it has under way is left out. */
const SETTLE_SECONDS = 60;
const ACME = 'projects/acme';
const NEW = uuid(99);
/** Index of an entry of signer whose body was erased. */
const ERASED_INDEX = ERASED_NUMBER - 1n;

let platform: CleanPlatform;

beforeAll(async () => {
  platform = await cleanPlatform();
});
afterEach(() => platform.restore());
afterAll(() => platform?.close());

function check(settleSeconds = SETTLE_SECONDS): Promise<readonly Breach[]> {
  return fsck({ databaseUrl: platform.databaseUrl, settleSeconds, onCheck: () => undefined });
}

/** What is planted, and all that is found then, as `invariant subject`, in the order in which it is told. */
type Plant = readonly [what: string, found: readonly string[], plant: (sql: AdminSql) => Promise<unknown>];

const run =
  (...statements: readonly string[]) =>
  async (sql: AdminSql): Promise<void> => {
    for (const statement of statements) await sql.unsafe(statement);
  };

const KEYS: readonly Plant[] = [
  [
    'a key in the clear',
    [`key-not-sealed key ${ID.caKey} version 1`],
    run(`update signer.key_versions set sealed = '\\x30' || sealed where key_id = '${ID.caKey}'`),
  ],
  [
    'a data key that is not wrapped',
    [`key-not-sealed key ${ID.caKey} version 1`],
    run(
      `update signer.key_versions set wrapped_data_key = decode(repeat('01', 32), 'hex') where key_id = '${ID.caKey}'`,
    ),
  ],
  [
    'a key without its primary version',
    [`key-without-material ${ACME}/keys/root`],
    run(`update signer.keys set primary_version = 2 where id = '${ID.caKey}'`),
  ],
];

const LEDGER: readonly Plant[] = [
  [
    'a row with another hash',
    [`ledger-row-invalid certificate intent ${ID.root}`],
    run(`update signer.ledger set tbs_sha256 = decode(repeat('00', 32), 'hex') where intent_id = '${ID.root}'`),
  ],
  [
    'a signature that was edited',
    [`ledger-row-invalid certificate intent ${ID.root}`, `certificate-invalid ${certificate(ID.root)}`],
    run(
      `update signer.ledger set signature = (select signature from signer.ledger where intent_id = '${ID.replaced}')
        where intent_id = '${ID.root}'`,
    ),
  ],
  [
    'a key that is none',
    ['root', 'replaced', 'successor', 'revoked']
      .map((name) => `ledger-row-invalid certificate intent ${ID[name as 'root']}`)
      .concat(`ledger-row-invalid crl intent ${ID.crl}`),
    run(`update signer.key_versions set public_key = '\\x3000' where key_id = '${ID.caKey}'`),
  ],
  [
    'a signature without an intent',
    [`signature-unaccounted certificate intent ${NEW}`],
    run(
      `insert into signer.ledger (intent_id, key_id, key_version, kind, tbs, tbs_sha256, signature, serial, caller, state)
        select '${NEW}', key_id, key_version, kind, tbs, tbs_sha256, signature, serial || '\\x00', caller, state
        from signer.ledger where intent_id = '${ID.root}'`,
    ),
  ],
  [
    'a CRL that was voided and is served',
    [`voided-but-used intent ${ID.crl}`, `crl-invalid authority ${ID.authority} shard 0`],
    run(
      `update signer.ledger set state = 'voided', key_version = null, kind = null, tbs = null, tbs_sha256 = null, signature = null
        where intent_id = '${ID.crl}'`,
    ),
  ],
];

const CERTIFICATES: readonly Plant[] = [
  [
    'another fingerprint',
    [`certificate-invalid ${certificate(ID.replaced)}`],
    run(`update cert.certificates set fingerprint_sha256 = spki_sha256 where id = '${ID.replaced}'`),
  ],
  [
    'an intent that nobody ended',
    [`intent-open certificate ${NEW} of acme`],
    (sql) => plantCertificate(sql, { id: NEW, state: 'pending' }),
  ],
  [
    'another serial than was signed',
    [`serial-differs ${certificate(ID.replaced)}`],
    run(`update cert.certificates set serial = decode(repeat('01', 20), 'hex') where id = '${ID.replaced}'`),
  ],
  [
    'a successor that is not named',
    [`successor-not-single ${certificate(ID.replaced)}`],
    run(`update cert.certificates set replaced_by = null where id = '${ID.replaced}'`),
  ],
  [
    'a request of nothing',
    [`request-without-resource ${certificate(NEW)}`],
    run(`update cert.requests set resource = '${certificate(NEW)}'`),
  ],
];

const SHARD = `authority ${ID.authority} shard 0`;
const CRLS: readonly Plant[] = [
  [
    'a revocation that is not recorded',
    [`revocation-not-recorded ${certificate(ID.revoked)}`],
    run('delete from cert.revocations'),
  ],
  [
    'a shard too few',
    [`shard-missing authority ${ID.authority}`],
    run('update cert.authorities set crl_shard_count = 2'),
  ],
  [
    'a revocation that is not told',
    [`crl-late ${SHARD}`],
    run(
      'update cert.crl_shards set revision = 2',
      `update cert.revocations set revoked_at = '2026-02-01T00:00:00Z'`,
      `update cert.certificates set revoked_at = '2026-02-01T00:00:00Z' where state = 'revoked'`,
    ),
  ],
  ['a number that will come again', [`crl-number ${SHARD}`], run('update cert.crl_shards set next_number = 1')],
  ['bytes that are no CRL', [`crl-invalid ${SHARD}`], run(`update cert.crls set der = '\\x3000'`)],
  [
    'a CRL that another signed',
    [`crl-invalid ${SHARD}`],
    (sql) => {
      const der = fixture('crl');
      der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
      return sql`update cert.crls set der = ${der}`;
    },
  ],
  [
    'a revoked certificate that is not listed',
    [`crl-incomplete ${SHARD}`],
    run(`update cert.revocations set serial = decode(repeat('01', 20), 'hex')`),
  ],
];

const EVENTS: readonly Plant[] = [
  ['an event that is gone', ['event-numbers source signer'], run('delete from signer.outbox where number = 7')],
  [
    'an event without a number',
    ['event-unstamped source signer'],
    run(`insert into signer.outbox (event_id, body, created_at) values ('${NEW}', '\\x', '2026-01-01T00:00:00Z')`),
  ],
  [
    'a revocation that nobody told',
    [`event-missing ${certificate(ID.revoked)}`],
    (sql) => tellMore(sql, { type: 'crl.published', subject: `${ACME}/authorities/root` }, { instead: true }),
  ],
  [
    'an issuance that nobody told',
    [`certificate-invalid ${certificate(NEW)}`, `event-missing ${certificate(NEW)}`],
    (sql) => plantCertificate(sql, { id: NEW, state: 'issued', der: fixture('root'), serial: Buffer.alloc(20, 1) }),
  ],
  [
    'an issuance that is told twice',
    [`event-doubled ${certificate(ID.replaced)}`],
    (sql) => tellMore(sql, { type: 'certificate.renewed', subject: certificate(ID.replaced) }),
  ],
  [
    'a revocation that was none',
    [`event-untrue ${certificate(ID.replaced)}`],
    (sql) => tellMore(sql, { type: 'certificate.revoked', subject: certificate(ID.replaced) }),
  ],
  [
    'an issuance that failed',
    [`event-untrue ${certificate(ID.failed)}`],
    (sql) => tellMore(sql, { type: 'certificate.created', subject: certificate(ID.failed) }),
  ],
  [
    'bytes that are no event',
    [`event-unreadable event ${NEW} of cert`],
    run(`insert into cert.outbox (event_id, body) values ('${NEW}', '\\xff')`),
  ],
];

const LOG: readonly Plant[] = [
  [
    'events that their source has lost',
    ['log-ahead source task-scheduler'],
    run('delete from task.outbox where number = 3', 'update task.outbox_state set last_number = 2'),
  ],
  [
    'an event that waits for too long',
    ['log-behind source cert'],
    run(`update cert.outbox set created_at = '2026-01-01T00:00:00Z' where number = 6`),
  ],
  [
    'another event than the source has',
    ['log-other-event source task-scheduler number 2'],
    run(`update task.outbox set event_id = '${NEW}' where number = 2`),
  ],
  [
    'a checkpoint that signer does not know',
    ['checkpoint-unwitnessed checkpoint of 260'],
    run('delete from signer.checkpoint_ledger where tree_size = 260'),
  ],
  [
    'a source that told two stories',
    ['log-conflict source cert number 1'],
    run(
      `insert into audit.conflicts (kind, source, number, event_id, index, offered_leaf, offered, detected_at)
        values ('number-reused', 'cert', 1, '${NEW}', 262, '\\x', '\\x', now())`,
    ),
  ],
  [
    'another tree than the witness signed',
    ['log-forked audit log'],
    run(`update signer.checkpoint_ledger set root_hash = decode(repeat('00', 32), 'hex') where tree_size = 5`),
  ],
  [
    'fewer entries than the witness signed',
    ['log-shrunk audit log'],
    run(
      `insert into signer.checkpoint_ledger (key_id, tree_size, root_hash, note_body, signature)
        select key_id, 268, root_hash, note_body, signature from signer.checkpoint_ledger where tree_size = 266`,
    ),
  ],
  [
    'a log key that is none',
    [
      'log-key-invalid projects/system/keys/audit-log version 1',
      'checkpoint-invalid audit log',
      'checkpoint-invalid audit log',
    ],
    run(`update signer.key_versions set public_key = '\\x3000' where key_id = '${ID.logKey}'`),
  ],
  [
    'a checkpoint that another key signed',
    ['checkpoint-invalid audit log'],
    async (sql) => {
      const [{ root } = { root: Buffer.alloc(32) }] = await sql<{ root: Buffer }[]>`
        select root_hash as root from audit.checkpoints where tree_size = 266`;
      const row = await checkpointRow({ size: 266n, root, ...generateKeyPairSync('ed25519') });
      return sql`update audit.checkpoints set ${sql(row)} where tree_size = 266`;
    },
  ],
  [
    'an entry that was removed',
    [`log-gap entry ${ERASED_INDEX}`, `log-order entry ${ERASED_INDEX + 1n}`],
    run(`delete from audit.entries where index = ${ERASED_INDEX}`),
  ],
  [
    'an entry that was added',
    ['log-added entry 267'],
    run(
      `insert into audit.entries select 267, source, 7, '${NEW}', project, leaf_data, problem, integrated_at
        from audit.entries where index = 266`,
    ),
  ],
  [
    'an entry that was edited',
    [`log-entry entry ${ERASED_INDEX}`, 'log-forked audit log', 'log-tree audit log'],
    run(
      `update audit.entries set leaf_data = overlay(leaf_data placing '\\x00' from 33) where index = ${ERASED_INDEX}`,
      // Only what audit itself could not mend is left to find it.
      'delete from audit.checkpoints',
    ),
  ],
  ['a body that was edited', ['log-body entry 3'], run(`update audit.bodies set actor = 'mallory' where index = 3`)],
  [
    'a raw entry with another id',
    ['log-id entry 49'],
    run(`update audit.entries set event_id = '${NEW}' where problem is not null`),
  ],
  [
    'a number that was edited',
    [`log-order entry ${ERASED_INDEX}`, `log-order entry ${ERASED_INDEX + 1n}`],
    run(`update audit.entries set number = 1000 where index = ${ERASED_INDEX}`),
  ],
  ['a tile that is gone', ['log-tile audit log', 'log-tile audit log'], run('delete from audit.tiles')],
  ['another state of the tree', ['log-tree audit log'], run(`update audit.tree_state set range = range || '\\x00'`)],
  [
    'another position',
    ['log-position audit log'],
    run(
      `update audit.positions set number = 258 where source = 'signer'`,
      `delete from signer.outbox where number = 259`,
      `update signer.outbox_state set last_number = 258`,
    ),
  ],
];

const finished = `${ACME}/tasks/${ID.finishedTask}`;
const live = `${ACME}/tasks/${ID.liveTask}`;
const TASKS: readonly Plant[] = [
  [
    'a task that was edited',
    [`history-differs ${finished}`],
    run(`update task.finished_tasks set result = '{"done": false}'`),
  ],
  [
    'a task that ended twice',
    [`history-differs ${finished}`],
    run(
      `insert into task.task_events (task_id, sequence, state, at, attempt, fence)
        values ('${ID.finishedTask}', 4, 'cancelled', now(), 1, 2)`,
    ),
  ],
  [
    'a first event without a definition',
    [`history-differs ${finished}`],
    run(`update task.task_events set detail = null where task_id = '${ID.finishedTask}' and sequence = 1`),
  ],
  [
    'a history without a task',
    [`task-missing task ${NEW}`],
    run(
      `insert into task.task_events (task_id, sequence, state, at, attempt, fence) values ('${NEW}', 2, 'running', now(), 1, 1)`,
    ),
  ],
  [
    'a task that lives and has ended',
    [`live-and-ended ${finished}`],
    run(
      `insert into task.tasks select (jsonb_populate_record(null::task.tasks, to_jsonb(f) || '{"state": "pending"}')).* from task.finished_tasks f`,
    ),
  ],
  [
    'a unique key that nobody holds',
    [`unique-key-leaked ${finished}`],
    run(`insert into task.task_unique_keys values ('acme', 'cert.renew', 'two', '${ID.finishedTask}')`),
  ],
  ['a unique key that is not held', [`unique-key-not-held ${live}`], run('delete from task.task_unique_keys')],
  [
    'a lease that nobody took back',
    [`lease-not-expired ${live}`],
    run(`update task.tasks set lease_expires_at = '2026-01-01T00:00:00Z'`),
  ],
  [
    'an occurrence without its task',
    [`occurrence-without-task task ${NEW}`],
    run(`update task.schedule_occurrences set task_id = '${NEW}'`),
  ],
];

const ALL = { KEYS, LEDGER, CERTIFICATES, CRLS, EVENTS, LOG, TASKS };

test('a clean platform has no breach, and what was erased is missed by nobody', async () => {
  expect(await check()).toEqual([]);
  await platform.sql`delete from audit.bodies where index >= 262`;
  expect(await check()).toEqual([]);
});

test('what is under way is left out, unless nothing is to be', async () => {
  expect((await check(0)).map(({ invariant }) => invariant)).toEqual(['log-behind']);
  await plantCertificate(platform.sql, { id: NEW, state: 'pending', created_at: new Date() });
  expect(await check()).toEqual([]);
});

describe.each(Object.entries(ALL))('%s', (_name, plants) => {
  test.each(plants)('finds %s', async (_what, found, plant) => {
    await plant(platform.sql);
    const breaches = await check();
    expect(breaches.map(({ invariant, subject }) => `${invariant} ${subject}`)).toEqual(found);
    for (const { detail } of breaches) expect(detail).toMatch(/^\S.*\S$/);
  });
});

test('erased bodies excuse no more events than they are', async () => {
  await platform.sql`delete from audit.bodies where index = 262`;
  await tellMore(platform.sql, { type: 'crl.published', subject: `${ACME}/authorities/root` }, { instead: true });
  const breaches = await check();
  expect(breaches.map(({ invariant }) => invariant)).toEqual(['event-missing', 'event-missing']);
});

test('of very many breaches, the first thousand are told', async () => {
  await platform.sql`
    insert into task.task_events (task_id, sequence, state, at, attempt, fence)
    select gen_random_uuid(), 1, 'running', now(), 1, 1 from generate_series(1, 1001)`;
  const breaches = await check();
  expect(breaches).toHaveLength(1001);
  expect(breaches.at(-1)?.invariant).toBe('more');
});

test('says so where it cannot read', async () => {
  const url = new URL(platform.databaseUrl);
  url.pathname = '/nothing';
  await expect(fsck({ databaseUrl: url.href, settleSeconds: 0, onCheck: () => undefined })).rejects.toThrow(/nothing/);
});

test('every invariant that is named in the sources is planted here', () => {
  const folder = new URL('../src/', import.meta.url);
  const named = readdirSync(folder).flatMap((file) => {
    const text = readFileSync(new URL(file, folder), 'utf8');
    return [...text.matchAll(/invariant: '([a-z-]+)'/g), ...text.matchAll(/: '((?:log|checkpoint)-[a-z]+)',$/gm)];
  });
  const planted = Object.values(ALL).flatMap((plants) => plants.flatMap(([, found]) => found.map(invariantOf)));
  const missing = new Set(named.map(([, name]) => name ?? '')).difference(new Set([...planted, 'more']));
  expect([...missing]).toEqual([]);
});

function invariantOf(found: string): string {
  return found.slice(0, found.indexOf(' '));
}

/** Lets cert tell one thing more, which the log does not have yet; or another thing in place of what waits. */
async function tellMore(
  sql: AdminSql,
  event: { readonly type: string; readonly subject: string },
  { instead = false }: { readonly instead?: boolean } = {},
): Promise<void> {
  const body = eventBody({ id: NEW, source: 'cert', event });
  if (instead) await sql`update cert.outbox set body = ${body} where number = 6`;
  else {
    await sql`insert into cert.outbox (event_id, number, body) values (${NEW}, 7, ${body})`;
    await sql`update cert.outbox_state set last_number = 7`;
  }
}
