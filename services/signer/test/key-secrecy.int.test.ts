import { createDecipheriv, createHash, createPrivateKey, randomBytes, randomUUID } from 'node:crypto';
import { KeyAlgorithm, KeyPurpose, TbsKind } from '@cert-tasks/contracts/signer/v1';
import { canonicalJsonBytes } from '@cert-tasks/merkle';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ISSUER_NAME, sampleCertificate } from '../src/testing/sample-tbs.ts';
import { type SignerReplica, type SignerSetting, signerSetting } from './signer-app.ts';
import { type SignerDatabase, signerDatabase } from './signer-database.ts';

const KEK = randomBytes(32);
let database: SignerDatabase;
let setting: SignerSetting;
let replica: SignerReplica;

beforeAll(async () => {
  database = await signerDatabase();
  setting = await signerSetting({
    appUrl: database.appUrl,
    ownerUrl: database.ownerUrl,
    kek: KEK.toString('base64'),
  });
  replica = setting.replica();
  await replica.app.start();
});
afterAll(async () => {
  setting.dispose();
  await replica.app.stop();
  await database.drop();
});

const ALGORITHMS = [
  KeyAlgorithm.EC_P256,
  KeyAlgorithm.EC_P384,
  KeyAlgorithm.RSA_2048,
  KeyAlgorithm.RSA_3072,
  KeyAlgorithm.RSA_4096,
  KeyAlgorithm.ED25519,
];

test('no bytes of a private key, a data key or the key-encryption key are in a log, an error, an answer or the database', async () => {
  const seen: string[] = [];
  const { keys, signing } = setting.internalAs(replica, 'cert');

  // 1. Keys of each algorithm are made, used, refused, broken and disabled.
  for (const algorithm of ALGORITHMS) {
    const { key } = await keys.createKey({
      parent: 'projects/acme',
      keyId: `k-${algorithm}`,
      purpose: KeyPurpose.CERTIFICATE_AUTHORITY,
      algorithm,
      certificateAuthorityPolicy: { issuerName: ISSUER_NAME, maxValidity: { seconds: 3_600n } },
      requestId: randomUUID(),
    });
    if (key === undefined) throw new Error('No key was made.');
    const tbs = sampleCertificate({ now: new Date(), spki: key.publicKeyDer });
    const items = [tbs, new Uint8Array([1])].map((bytes) => ({
      intentId: randomUUID(),
      key: key.name,
      kind: TbsKind.CERTIFICATE,
      tbs: bytes,
    }));
    seen.push(textOf(await signing.batchSign({ items })), textOf(key));
    seen.push(await errorText(keys.createKey({ parent: 'projects/acme', keyId: `k-${algorithm}` })));
  }
  const secrets = await storedSecrets();
  expect(secrets).toHaveLength(ALGORITHMS.length * 2 + 1);
  await database.admin`
    update signer.key_versions set sealed = set_byte(sealed, 40, 255 - get_byte(sealed, 40)),
      wrapped_data_key = set_byte(wrapped_data_key, 20, 255 - get_byte(wrapped_data_key, 20))`;
  const broken = setting.replica();
  await broken.app.start();
  for (const algorithm of ALGORITHMS) {
    const tbs = new Uint8Array([1]);
    const items = [
      { intentId: randomUUID(), key: `projects/acme/keys/k-${algorithm}`, kind: TbsKind.CERTIFICATE, tbs },
    ];
    const answer = await setting.internalAs(broken, 'cert').signing.batchSign({ items });
    expect(textOf(answer)).toContain('does not open');
    seen.push(textOf(answer));
  }
  await broken.app.stop();

  // 2. Everything that was written anywhere is searched, in each form that bytes are printed in.
  const haystack = [...seen, ...replica.logged.lines, ...broken.logged.lines, ...(await databaseTexts())].join('\n');
  expect(haystack.length).toBeGreaterThan(10_000);
  for (const secret of secrets) {
    for (const form of formsOf(secret)) expect(haystack.includes(form)).toBe(false);
  }

  // 3. The search finds what is there: the public keys, in the same forms.
  const [row] = await database.admin<{ public_key: Uint8Array }[]>`select public_key from signer.key_versions limit 1`;
  expect(formsOf(row?.public_key ?? new Uint8Array()).some((form) => haystack.includes(form))).toBe(true);
});

/** Secrets of all stored keys, opened by the words of ADR 2 and not by the code under test. */
async function storedSecrets(): Promise<Uint8Array[]> {
  const rows = await database.admin<
    {
      id: string;
      purpose: string;
      algorithm: string;
      policy: unknown;
      public_key: Uint8Array;
      sealed: Uint8Array;
      wrapped_data_key: Uint8Array;
      kek_id: string;
    }[]
  >`
    select k.id, k.purpose, k.algorithm, k.policy, v.public_key, v.sealed, v.wrapped_data_key, v.kek_id
    from signer.keys k join signer.key_versions v on v.key_id = k.id`;
  const opened = rows.flatMap((row) => {
    const dataKey = decrypt(KEK, row.wrapped_data_key, ['cert-tasks/data-key/v1', row.kek_id, row.id, '1']);
    const pkcs8 = decrypt(dataKey, row.sealed, [
      'cert-tasks/sealed-key/v1',
      row.id,
      '1',
      row.purpose,
      row.algorithm,
      sha256(row.public_key),
      sha256(canonicalJsonBytes(row.policy)),
    ]);
    const { d } = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
    return [dataKey, Buffer.from(d ?? '', 'base64url')];
  });
  return [KEK, ...opened];
}

function decrypt(key: Uint8Array, sealed: Uint8Array, parts: readonly (string | Uint8Array)[]): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, 13));
  const framed = parts.map((part) => Buffer.from(part)).flatMap((part) => [lengthOf(part), part]);
  decipher.setAAD(Buffer.concat(framed));
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(13, -16)), decipher.final()]);
}

function lengthOf(part: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(part.length);
  return length;
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** How 15 bytes of a secret, from its start and after them, look in print. */
function formsOf(secret: Uint8Array): string[] {
  const whole = Buffer.from(secret);
  return [0, 15].flatMap((from) => {
    const piece = whole.subarray(from, from + 15);
    const hex = piece.toString('hex');
    return [
      hex,
      hex.toUpperCase(),
      hex.replace(/../g, '$& ').trim(),
      piece.toString('base64'),
      piece.toString('base64url'),
      [...piece].join(','),
      [...piece].join(', '),
      piece.toString('latin1'),
    ];
  });
}

/** All of the database: each row of each table as text. bytea is hexadecimal there. */
async function databaseTexts(): Promise<string[]> {
  const { admin } = database;
  const tables = await admin<{ name: string }[]>`
    select table_schema || '.' || table_name as name from information_schema.tables
    where table_schema = 'signer' and table_type = 'BASE TABLE'`;
  expect(tables.length).toBeGreaterThan(8);
  const texts: string[] = [];
  for (const { name } of tables) {
    const rows = await admin<{ text: string }[]>`select t::text as text from ${admin(name)} t`;
    texts.push(...rows.map(({ text }) => text));
  }
  return texts;
}

async function errorText(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'no error',
    (error: Error) => `${error.stack} ${textOf(error)}`,
  );
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === 'bigint') return String(part);
    return part instanceof Uint8Array ? Buffer.from(part).toString('hex') : part;
  });
}
