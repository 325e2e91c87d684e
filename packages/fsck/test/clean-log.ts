import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { EventSchema, Result } from '@cert-tasks/contracts/event/v1';
import {
  CompactRange,
  canonicalJson,
  encodeTile,
  formatCheckpoint,
  formatVerifierKey,
  leafCommitment,
  leafHash,
  rawLeafCommitment,
  signCheckpoint,
} from '@cert-tasks/merkle';
import type { AdminSql } from './admin-sql.ts';

/** An event to be told. */
export interface PlantedEvent {
  readonly type: string;
  readonly subject: string;
  /** In the outbox, and not in the log yet. */
  readonly isWaiting?: boolean;
}

const SCHEMAS: Readonly<Record<string, string>> = { cert: 'cert', signer: 'signer', 'task-scheduler': 'task' };
const PROJECT = 'acme';
const ORIGIN = 'fsck.test/log';
const TIME = new Date('2026-01-01T00:00:00.000Z');
const SALT = Buffer.alloc(32, 7);

/** Numbers of signer whose event could not be entered as one, and whose body was erased. */
const RAW_NUMBER = 50n;
export const ERASED_NUMBER = 100n;

/** Sizes of the checkpoints; signer has signed the tree of size 5 too, whose checkpoint never reached audit. */
const CHECKPOINTS = [260, 266];
const SIGNED_ALONE = 5;

/** Puts events into the outboxes and into the log, with their tree and its checkpoints, as docs/adr/0001 and 0006 say. */
export async function plantLog(
  sql: AdminSql,
  { events, logKey }: { events: Readonly<Record<string, readonly PlantedEvent[]>>; logKey: string },
): Promise<void> {
  const hashes: Uint8Array[] = [];
  for (const [source, told] of Object.entries(events)) {
    let number = 0n;
    let position = 0n;
    for (const event of told) {
      number += 1n;
      const id = eventId(source, number);
      await plantInOutbox(sql, { id, source, number, event });
      if (event.isWaiting === true) continue;
      hashes.push(await plantEntry(sql, { index: BigInt(hashes.length), id, source, number, event }));
      position = number;
    }
    const state = sql(`${SCHEMAS[source]}.outbox_state`);
    await sql`insert into ${state} (last_number, published_number) values (${number}, ${number})`;
    await sql`insert into audit.positions (source, number) values (${source}, ${position})`;
  }
  await plantTree(sql, hashes);
  await plantCheckpoints(sql, { hashes, logKey });
}

interface Place {
  readonly id: string;
  readonly source: string;
  readonly number: bigint;
  readonly event: PlantedEvent;
}

/** The encoded event without its number, as an outbox has it. */
export function eventBody({ id, source, event }: Omit<Place, 'number'>): Buffer {
  const message = create(EventSchema, {
    id,
    source,
    type: event.type,
    typeVersion: 1,
    subject: event.subject,
    time: timestampFromDate(TIME),
    project: PROJECT,
    action: 'test',
    result: Result.SUCCESS,
    salt: SALT,
  });
  return Buffer.from(toBinary(EventSchema, message));
}

async function plantInOutbox(sql: AdminSql, place: Place): Promise<void> {
  const { id, source, number } = place;
  await sql`insert into ${sql(`${SCHEMAS[source]}.outbox`)} ${sql({ event_id: id, number, body: eventBody(place) })}`;
}

/** Returns the leaf's hash. */
async function plantEntry(sql: AdminSql, place: Place & { index: bigint }): Promise<Uint8Array> {
  const { index, id, source, number, event } = place;
  const { type, subject } = event;
  const entry = { index, source, number, integrated_at: TIME };
  if (source === 'signer' && number === RAW_NUMBER) {
    const raw = Buffer.from('no event');
    const leaf = Buffer.from(rawLeafCommitment(raw));
    await sql`insert into audit.entries ${sql({
      ...entry,
      event_id: rawId({ source, number, leaf }),
      project: 'system',
      leaf_data: leaf,
      problem: 'cannot be read',
    })}`;
    await sql`insert into audit.raw_bodies ${sql({ index, raw })}`;
    return leafHash(leaf);
  }
  const found = { project: PROJECT, source, type, subject, action: 'test', result: 'RESULT_SUCCESS' };
  const canonical = canonicalJson({
    ...found,
    id,
    number: number.toString(),
    typeVersion: 1,
    time: TIME.toISOString(),
  });
  const leaf = Buffer.from(leafCommitment({ salt: SALT, canonicalEvent: Buffer.from(canonical) }));
  await sql`insert into audit.entries ${sql({ ...entry, event_id: id, project: PROJECT, leaf_data: leaf })}`;
  if (source !== 'signer' || number !== ERASED_NUMBER) {
    const filed = { ...found, actor_kind: '', actor: '', time: TIME, canonical_event: canonical, salt: SALT };
    await sql`insert into audit.bodies ${sql({ index, ...filed })}`;
  }
  return leafHash(leaf);
}

async function plantTree(sql: AdminSql, hashes: readonly Uint8Array[]): Promise<void> {
  const tile = hashes.slice(0, 256);
  await sql`insert into audit.tiles ${sql({
    level: 0,
    index: 0n,
    root: Buffer.from(rangeOf(tile).root()),
    hashes: Buffer.from(encodeTile(tile)),
  })}`;
  const range = Buffer.from(rangeOf(hashes).serialize());
  await sql`update audit.tree_state set size = ${BigInt(hashes.length)}, range = ${range}`;
}

async function plantCheckpoints(
  sql: AdminSql,
  { hashes, logKey }: { hashes: readonly Uint8Array[]; logKey: string },
): Promise<void> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  await sql`insert into signer.keys ${sql({
    id: logKey,
    project: 'system',
    name: 'audit-log',
    purpose: 'log-checkpoint',
    algorithm: 'ed25519',
    policy: sql.json({ checkpointOrigin: ORIGIN }),
    state: 'enabled',
    primary_version: 1,
    etag: 'e',
  })}`;
  await sql`insert into signer.key_versions ${sql({
    key_id: logKey,
    version: 1,
    public_key: spki,
    sealed: Buffer.alloc(60, 1),
    wrapped_data_key: Buffer.alloc(61, 1),
    kek_id: 'kek',
  })}`;
  for (const size of [SIGNED_ALONE, ...CHECKPOINTS]) {
    const root = Buffer.from(rangeOf(hashes.slice(0, size)).root());
    const noteBody = formatCheckpoint({ origin: ORIGIN, size: BigInt(size), root });
    await sql`insert into signer.checkpoint_ledger ${sql({
      key_id: logKey,
      tree_size: BigInt(size),
      root_hash: root,
      note_body: noteBody,
      signature: sign(null, Buffer.from(noteBody), privateKey),
    })}`;
    if (size !== SIGNED_ALONE) {
      await sql`insert into audit.checkpoints ${sql(await checkpointRow({ size: BigInt(size), root, publicKey, privateKey }))}`;
    }
  }
}

/** A row of audit.checkpoints, signed. */
export async function checkpointRow({
  size,
  root,
  publicKey,
  privateKey,
}: {
  size: bigint;
  root: Buffer;
  publicKey: KeyObject;
  privateKey: KeyObject;
}) {
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
  const signer = {
    name: ORIGIN,
    publicKey: raw,
    sign: (message: Uint8Array) => new Uint8Array(sign(null, message, privateKey)),
  };
  return {
    tree_size: size,
    root_hash: root,
    origin: ORIGIN,
    signed_note: await signCheckpoint({ origin: ORIGIN, size, root }, signer),
    verifier_key: formatVerifierKey({ name: ORIGIN, type: 'ed25519', publicKey: raw }),
    signed_at: TIME,
  };
}

function rangeOf(hashes: readonly Uint8Array[]): CompactRange {
  const range = CompactRange.empty();
  range.appendAll(hashes);
  return range;
}

/** The id of an entry that has no event: version 8 of RFC 9562 over its place and its leaf. */
function rawId({ source, number, leaf }: { source: string; number: bigint; leaf: Buffer }): string {
  const place = Buffer.from(`cert-tasks/raw-entry-id/v1\0${source}/${number}/`);
  const hex = createHash('sha256').update(Buffer.of(0)).update(place).update(leaf).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

function eventId(source: string, number: bigint): string {
  const digits = Buffer.from(source).toString('hex').slice(0, 8);
  return `${digits}-0000-7000-8000-${number.toString().padStart(12, '0')}`;
}
