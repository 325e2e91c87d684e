import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RevocationReason } from '@cert-tasks/contracts/cert/v1';
import { type Breach, fsck } from '@cert-tasks/fsck';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT, TestPlatform } from '../test-platform.ts';
import { liveThrough, newOrder } from './certificate-story.ts';

const REPOSITORY = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const parent = `projects/${PROJECT}`;

type Transaction = postgres.TransactionSql<{ bigint: bigint }>;

let test: TestPlatform;
let admin: postgres.Sql;

beforeAll(async () => {
  test = await TestPlatform.start();
  const clients = test.clients();
  await liveThrough(clients, parent);
  const { certificate } = await clients.certificates.issueCertificate(newOrder(parent));
  await clients.certificates.revokeCertificate({
    name: certificate?.name ?? '',
    reason: RevocationReason.KEY_COMPROMISE,
    requestId: randomUUID(),
  });
  const { task } = await clients.tasks.createTask({
    parent,
    type: 'test.waiting',
    uniqueKey: 'waits',
    scheduleTime: { seconds: BigInt(Math.floor(Date.now() / 1000) + 86_400) },
  });
  await clients.tasks
    .createTask({ parent, type: 'test.cancelled' })
    .then(({ task: doomed }) => clients.tasks.cancelTask({ name: doomed?.name ?? '', requestId: randomUUID() }));
  expect(task?.name).toBeDefined();
  expect(await test.settle()).toEqual([]);
  // What is copied must be at rest. Killed, audit does not tell what it would at its end, which nobody would put into the log.
  for (const name of ['audit', 'cert', 'task-scheduler', 'signer'] as const) {
    const service = test.platform.service(name);
    service.kill('SIGKILL');
    await service.exited;
  }
  admin = postgres(test.platform.postgres?.adminUrl ?? '', { max: 1, onnotice: () => undefined });
}, 120_000);

afterAll(async () => {
  await admin?.end();
  await test?.stop();
}, 60_000);

/**
 * Breaches that somebody with all rights over the database could make, by the invariant that must name each. Triggers and foreign keys hold nobody up: the planter
 * has switched them off.
 */
const PLANTED: readonly (readonly [RegExp, string, (tx: Transaction) => Promise<unknown>])[] = [
  [
    /^log-(?:entry|tile|tree|forked|root)$/,
    'a leaf was changed',
    (tx) =>
      tx`update audit.entries set leaf_data = set_byte(leaf_data, 20, get_byte(leaf_data, 20) # 1) where index = 3`,
  ],
  [
    /^log-(?:entry|tile|tree|forked|root)$/,
    'two entries were swapped',
    (tx) => tx`update audit.entries e set leaf_data = o.leaf_data from audit.entries o
      where (e.index = 1 and o.index = 2) or (e.index = 2 and o.index = 1)`,
  ],
  [
    /^log-(?:entry|tile|tree|forked|root)$/,
    'signer’s memory of a checkpoint was changed',
    (tx) => tx`update signer.checkpoint_ledger set root_hash = set_byte(root_hash, 0, get_byte(root_hash, 0) # 1)
      where tree_size = (select max(tree_size) from signer.checkpoint_ledger)`,
  ],
  [
    /^log-body$/,
    'an event was told otherwise',
    (tx) => tx`update audit.bodies set canonical_event = replace(canonical_event, 'SUCCESS', 'REFUSED')
      where index = (select min(index) from audit.bodies where canonical_event like '%SUCCESS%')`,
  ],
  [/^log-/, 'an entry was taken out', (tx) => tx`delete from audit.entries where index = 4`],
  [
    /^log-/,
    'the youngest entry was taken off',
    (tx) => tx`delete from audit.entries where index = (select max(index) from audit.entries)`,
  ],
  [
    /^log-/,
    'an entry has another number of its source',
    (tx) => tx`update audit.entries set number = number + 1000 where index = 5`,
  ],
  [/^log-/, 'a position was moved', (tx) => tx`update audit.positions set number = number - 1 where source = 'cert'`],
  [
    /^log-ahead$/,
    'a source was put back',
    (tx) => tx`update cert.outbox_state set last_number = last_number - 1, published_number = 0`,
  ],
  [
    /^log-behind$/,
    'an event did not come to the log',
    async (tx) => {
      await tx`insert into cert.outbox (event_id, number, body, created_at)
        select gen_random_uuid(), (select last_number + 1 from cert.outbox_state), body, now() - interval '1 hour'
        from cert.outbox where number = 1`;
      await tx`update cert.outbox_state set last_number = last_number + 1`;
    },
  ],
  [
    /^log-other-event$/,
    'a source has another event under a number',
    (tx) => tx`update cert.outbox set event_id = gen_random_uuid() where number = 2`,
  ],
  [
    /^log-conflict$/,
    'a second story was told',
    (tx) => tx`insert into audit.conflicts (kind, source, number, event_id, index, offered_leaf, offered, detected_at)
      values ('planted', 'cert', 1, gen_random_uuid(), 1, '\\x00', '\\x00', now())`,
  ],
  [/^checkpoint-unwitnessed$/, 'signer has forgotten a checkpoint', (tx) => tx`delete from signer.checkpoint_ledger`],
  [
    /^checkpoint-invalid$/,
    'a checkpoint’s signature was changed',
    (
      tx,
    ) => tx`update audit.checkpoints set signed_note = overlay(signed_note placing 'AAAA' from length(signed_note) - 20)
      where tree_size = (select max(tree_size) from audit.checkpoints)`,
  ],
  [/^event-numbers$/, 'an event was deleted', (tx) => tx`delete from cert.outbox where number = 3`],
  [/^event-unstamped$/, 'an event has no number', (tx) => tx`update signer.outbox set number = null where number = 1`],
  [
    /^certificate-invalid$/,
    'a ledger row was deleted',
    (tx) =>
      tx`delete from signer.ledger where intent_id = (select id from cert.certificates where state = 'issued' limit 1)`,
  ],
  [
    /^certificate-invalid$/,
    'a certificate was exchanged',
    (tx) => tx`update cert.certificates c set der = o.der, fingerprint_sha256 = o.fingerprint_sha256
      from (select der, fingerprint_sha256 from cert.certificates where state = 'revoked' limit 1) o where c.state = 'issued'`,
  ],
  [
    /^signature-unaccounted$/,
    'an intent was deleted',
    (tx) =>
      tx`delete from cert.certificates where id = (select id from cert.certificates where state = 'issued' limit 1)`,
  ],
  [
    /^signature-unaccounted$/,
    'an intent has other bytes',
    (tx) => tx`update cert.certificates set tbs = tbs || '\\x00' where id = (select id from cert.certificates limit 1)`,
  ],
  [
    /^ledger-row-invalid$/,
    'signed bytes were changed',
    (
      tx,
    ) => tx`update signer.ledger set tbs = set_byte(tbs, 60, get_byte(tbs, 60) # 1), tbs_sha256 = sha256(set_byte(tbs, 60, get_byte(tbs, 60) # 1))
      where position = (select max(position) from signer.ledger)`,
  ],
  [
    /^voided-but-used$/,
    'an intent that was issued is void',
    (
      tx,
    ) => tx`update signer.ledger set state = 'voided', key_version = null, kind = null, tbs = null, tbs_sha256 = null, signature = null,
      serial = null where intent_id = (select id from cert.certificates where state = 'issued' limit 1)`,
  ],
  [
    /^intent-open$/,
    'a certificate’s state was put back',
    (tx) =>
      tx`update cert.certificates set state = 'pending', der = null where id = (select id from cert.certificates where state = 'issued' limit 1)`,
  ],
  [
    /^serial-differs$/,
    'a serial number was changed',
    (tx) =>
      tx`update cert.certificates set serial = set_byte(serial, 19, get_byte(serial, 19) # 1)
        where id = (select id from cert.certificates where state = 'issued' limit 1)`,
  ],
  [
    /^successor-not-single$/,
    'a certificate was renewed twice',
    (
      tx,
    ) => tx`update cert.certificates set renewed_from = (select renewed_from from cert.certificates where renewed_from is not null limit 1)
      where id = (select id from cert.certificates where renewed_from is null and replaced_by is null and state = 'issued' limit 1)`,
  ],
  [
    /^request-without-resource$/,
    'a request is remembered for what is not there',
    (tx) =>
      tx`insert into cert.requests (key, hash, resource) values ('\\x01', '\\x01', 'projects/acme/certificates/none')`,
  ],
  [
    /^revocation-not-recorded$/,
    'a certificate’s state was changed',
    (tx) => tx`update cert.certificates set state = 'revoked', revoked_at = now(), revocation_reason = 1
      where id = (select id from cert.certificates where state = 'issued' limit 1)`,
  ],
  [/^revocation-not-recorded$/, 'a revocation was deleted', (tx) => tx`delete from cert.revocations`],
  [
    /^crl-incomplete$/,
    'a revocation is in no CRL',
    (tx) => tx`update cert.revocations set serial = '\\x0102030405060708090a0b0c0d0e0f1011121314'`,
  ],
  [
    /^crl-late$/,
    'a revocation has waited',
    (tx) => tx`with old as (update cert.revocations set revoked_at = now() - interval '1 hour')
      update cert.crl_shards set revision = published_revision + 1, current_crl_id = null`,
  ],
  [/^crl-number$/, 'a CRL’s number was put back', (tx) => tx`update cert.crl_shards set next_number = 1`],
  [/^crl-invalid$/, 'a CRL was cut short', (tx) => tx`update cert.crls set der = substring(der for 40)`],
  [/^shard-missing$/, 'a CRL was taken away', (tx) => tx`delete from cert.crl_shards`],
  [
    /^key-not-sealed$/,
    'a key lies open',
    (tx) =>
      tx`update signer.key_versions set sealed = '\\x302e020100300506032b6570042204200102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20'`,
  ],
  [/^key-without-material$/, 'a key’s material was deleted', (tx) => tx`delete from signer.key_versions`],
  [
    /^live-and-ended$/,
    'an ended task lives',
    (tx) => tx`insert into task.tasks select t.* from task.finished_tasks t limit 1`,
  ],
  [
    /^history-differs$/,
    'a task’s end was taken back',
    (tx) => tx`delete from task.task_events where state = 'completed'`,
  ],
  [
    /^history-differs$/,
    'a task’s state was changed',
    (tx) => tx`update task.finished_tasks set state = 'dead' where state = 'completed'`,
  ],
  [/^task-missing$/, 'a task was deleted', (tx) => tx`delete from task.finished_tasks`],
  [
    /^unique-key-leaked$/,
    'a key is held for nobody',
    (tx) => tx`update task.task_unique_keys set task_id = gen_random_uuid()`,
  ],
  [
    /^lease-not-expired$/,
    'a lease ran out unseen',
    (tx) => tx`update task.tasks set state = 'running', lease_expires_at = now() - interval '1 hour'`,
  ],
  [
    /^occurrence-without-task$/,
    'an occurrence’s task is gone',
    (tx) => tx`insert into task.schedule_occurrences (schedule_id, planned_at, task_id, created_at)
      values (gen_random_uuid(), now(), gen_random_uuid(), now())`,
  ],
];

describe('fsck', () => {
  it('finds nothing where nothing is wrong', async () => {
    expect(await fsckWith(async () => undefined)).toEqual([]);
  });

  it.each(PLANTED)('names %s where %s', async (invariant, _what, plant) => {
    const breaches = await fsckWith(plant);
    expect(breaches.map((breach) => breach.invariant)).toContainEqual(expect.stringMatching(invariant));
    for (const { subject, detail } of breaches) {
      expect(subject).not.toBe('');
      expect(detail).not.toBe('');
    }
  });

  it('ends with 1 and a line for each breach on the command line', async () => {
    const run = (url: string) =>
      spawnSync(process.execPath, [join(REPOSITORY, 'packages/cli/src/main.ts'), 'fsck', '--database-url', url], {
        encoding: 'utf8',
      });
    const clean = await onCopy(
      async () => undefined,
      async (url) => run(url),
    );
    expect([clean.status, clean.stdout]).toEqual([0, 'all invariants hold\n']);
    const broken = await onCopy(
      async (tx) => {
        await tx`delete from signer.ledger where intent_id = (select id from cert.certificates where state = 'issued' limit 1)`;
        await tx`delete from cert.outbox where number = 1`;
      },
      async (url) => run(url),
    );
    expect(broken.status).toBe(1);
    expect(broken.stdout).toMatch(/^BREACH {2}certificate-invalid {2}projects\/acme\/certificates\/\S+ {2}.+$/m);
    expect(broken.stdout).toMatch(/^BREACH {2}event-numbers {2}source cert {2}.+$/m);
    expect(broken.stdout).toMatch(/^\d+ breaches$/m);
  });
});

/** What fsck finds in a copy of the database in which something was planted. */
function fsckWith(plant: (tx: Transaction) => Promise<unknown>): Promise<readonly Breach[]> {
  return onCopy(plant, (databaseUrl) => fsck({ databaseUrl, settleSeconds: 0, onCheck: () => undefined }));
}

async function onCopy<T>(
  plant: (tx: Transaction) => Promise<unknown>,
  check: (databaseUrl: string) => Promise<T>,
): Promise<T> {
  const name = `planted_${randomUUID().replaceAll('-', '')}`;
  await admin`create database ${admin(name)} template cert_tasks strategy file_copy`;
  const url = new URL(test.platform.databaseUrl);
  url.pathname = `/${name}`;
  const copy = postgres(url.href, { max: 1, types: { bigint: postgres.BigInt }, onnotice: () => undefined });
  try {
    await copy.begin(async (tx) => {
      // Neither triggers nor foreign keys fire for who says this, and checks are taken off.
      await tx`set local session_replication_role = 'replica'`;
      for (const { table, constraint } of await tx<{ table: string; constraint: string }[]>`
        select conrelid::regclass::text as table, conname as constraint from pg_constraint
        where contype = 'c' and connamespace::regnamespace::text in ('cert', 'signer', 'task', 'audit')`) {
        await tx`alter table ${tx.unsafe(table)} drop constraint ${tx(constraint)}`;
      }
      await plant(tx);
    });
    await copy.end();
    return await check(url.href);
  } finally {
    await copy.end();
    await admin`drop database ${admin(name)} with (force)`;
  }
}
