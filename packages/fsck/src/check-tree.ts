import type { Database } from '@cert-tasks/db';
import { type LogBreachKind, type LogKey, verifyLog, type WitnessedHead } from '@cert-tasks/service-audit/fsck';
import { parsePublicKey, X509Error } from '@cert-tasks/x509';
import type { Breach } from './breach.ts';
import type { DoorInput } from './check.ts';

const PAGE = 1000;

const INVARIANTS: Readonly<Record<LogBreachKind, string>> = {
  'entry-missing': 'log-gap',
  'entry-changed': 'log-entry',
  'body-changed': 'log-body',
  'id-changed': 'log-id',
  'number-changed': 'log-order',
  'entry-added': 'log-added',
  'tile-changed': 'log-tile',
  'tree-changed': 'log-tree',
  'position-changed': 'log-position',
  'checkpoint-changed': 'checkpoint-invalid',
  forked: 'log-forked',
  shrunk: 'log-shrunk',
};

/**
 * The log only grows (DESIGN 3.5): audit's own check, held against what its witness remembers. The keys and the trees that
 * were signed come from signer's tables, so that rewriting audit's alone changes nothing.
 */
export async function* checkTree({ databases: { signer, audit } }: DoorInput): AsyncIterable<Breach> {
  const { keys, unreadable } = await readLogKeys(signer);
  for (const subject of unreadable) yield { invariant: 'log-key-invalid', subject, detail: 'it is no Ed25519 key' };
  // Read before the log is: what signer signs meanwhile may be of a tree that the log's snapshot does not have yet.
  const last = await lastHead(signer);
  const breaches = await verifyLog(audit, { keys, heads: readHeads(signer, last) });
  for (const { kind, index, message } of breaches) {
    yield {
      invariant: INVARIANTS[kind],
      subject: index === undefined ? 'audit log' : `entry ${index}`,
      detail: message,
    };
  }
}

/** Every version of every key that may sign checkpoints, with the origin that its policy binds it to. */
async function readLogKeys(signer: Database): Promise<{ keys: readonly LogKey[]; unreadable: readonly string[] }> {
  const rows = await signer.query(
    'log-keys',
    ({ sql }) => sql<{ project: string; name: string; version: number; origin: string | null; spki: Uint8Array }[]>`
      select k.project, k.name, v.version, k.policy->>'checkpointOrigin' as origin, v.public_key as spki
      from signer.keys k join signer.key_versions v on v.key_id = k.id
      where k.purpose = 'log-checkpoint' order by k.id, v.version`,
  );
  const keys: LogKey[] = [];
  const unreadable: string[] = [];
  for (const { project, name, version, origin, spki } of rows) {
    const publicKey = ed25519Key(spki);
    if (origin === null || publicKey === undefined) {
      unreadable.push(`projects/${project}/keys/${name} version ${version}`);
    } else keys.push({ origin, publicKey });
  }
  return { keys, unreadable };
}

function ed25519Key(spki: Uint8Array): Uint8Array | undefined {
  try {
    const { details, keyBits } = parsePublicKey(spki);
    return details.kind === 'ed25519' ? keyBits : undefined;
  } catch (error) {
    if (error instanceof X509Error) return undefined;
    throw error;
  }
}

interface HeadRow extends WitnessedHead {
  readonly keyId: string;
}

async function lastHead(signer: Database): Promise<bigint> {
  const [row] = await signer.query(
    'last-head',
    ({ sql }) => sql<{ size: bigint | null }[]>`select max(tree_size) as size from signer.checkpoint_ledger`,
  );
  return row?.size ?? -1n;
}

async function* readHeads(signer: Database, last: bigint): AsyncGenerator<WitnessedHead, void, void> {
  for (let after = { size: -1n, keyId: '00000000-0000-0000-0000-000000000000' }; ; ) {
    const { size, keyId } = after;
    const rows = await signer.query(
      'heads',
      ({ sql }) => sql<HeadRow[]>`
        select tree_size as size, root_hash as root, key_id as "keyId" from signer.checkpoint_ledger
        where (tree_size, key_id) > (${size}, ${keyId}::uuid) and tree_size <= ${last}
        order by tree_size, key_id limit ${PAGE}`,
    );
    yield* rows;
    const next = rows.at(-1);
    if (next === undefined) return;
    after = next;
  }
}
