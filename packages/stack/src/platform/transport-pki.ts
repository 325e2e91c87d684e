import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  assembleCertificate,
  authorityKeyIdentifierExtension,
  basicConstraintsExtension,
  buildName,
  buildTbsCertificate,
  decodePem,
  type Extension,
  encodePem,
  extendedKeyUsageExtension,
  keyUsageExtension,
  type Name,
  OID,
  parseCertificate,
  parsePublicKey,
  serialFromRandom,
  subjectAltNameExtension,
  subjectKeyIdentifierExtension,
} from '@cert-tasks/x509';
import { writeFileAtomic } from '../home.ts';

/** The services that call each other, as their certificates name them. */
export const TRANSPORT_SERVICES = ['cert', 'signer', 'task-scheduler', 'audit'] as const;

/** A service with a transport certificate. */
export type TransportService = (typeof TRANSPORT_SERVICES)[number];

/** PEM files of one service's side of mutual TLS. */
export interface TransportFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const CA_LIFETIME_MS = 3650 * DAY_MS;
const SERVICE_LIFETIME_MS = 397 * DAY_MS;
/** A certificate with less time left is made again at the next start. */
const RENEW_BEFORE_MS = 60 * DAY_MS;
const BACKDATE_MS = 5 * 60 * 1000;

interface Authority {
  readonly key: KeyObject;
  readonly name: Name;
  readonly keyId: Uint8Array;
}

/**
 * The transport CA of one platform and the four services' certificates (docs/adr/0007), in a folder of its own: made when missing, the
 * services' again when they are about to expire. Private keys are files of mode 0600. It is apart from the CAs that the product runs.
 *
 * @throws the file system's error, or X509Error where a file is damaged.
 */
export async function prepareTransportPki(options: {
  readonly directory: string;
  readonly now: Date;
}): Promise<Readonly<Record<TransportService, TransportFiles>>> {
  const { directory, now } = options;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const caFile = join(directory, 'ca.pem');
  const authority = await prepareAuthority({ caFile, keyFile: join(directory, 'ca.key'), now });
  const files = async (service: TransportService): Promise<TransportFiles> => {
    const own = { caFile, certFile: join(directory, `${service}.pem`), keyFile: join(directory, `${service}.key`) };
    if (!(await isFresh(own.certFile, now))) await issueServiceCertificate({ authority, service, files: own, now });
    return own;
  };
  return {
    cert: await files('cert'),
    signer: await files('signer'),
    'task-scheduler': await files('task-scheduler'),
    audit: await files('audit'),
  };
}

async function prepareAuthority(options: { caFile: string; keyFile: string; now: Date }): Promise<Authority> {
  const { caFile, keyFile, now } = options;
  const name = buildName([{ type: 'CN', value: 'cert-tasks transport CA' }]);
  const keyPem = await readIfThere(keyFile);
  if (keyPem !== undefined && (await isFresh(caFile, now))) {
    const key = createPrivateKey(keyPem);
    const certificate = parseCertificate(decodePem(await readFile(caFile, 'utf8'), 'CERTIFICATE'));
    return { key, name: certificate.subject, keyId: parsePublicKey(certificate.spki).keyId() };
  }
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const keyId = parsePublicKey(spki).keyId();
  const authority = { key: privateKey, name, keyId };
  const certificate = issue(authority, {
    subject: name,
    spki,
    now,
    lifetimeMs: CA_LIFETIME_MS,
    extensions: [
      basicConstraintsExtension({ ca: true, pathLength: 0, critical: true }),
      keyUsageExtension({ usages: ['keyCertSign', 'cRLSign'], critical: true }),
      subjectKeyIdentifierExtension(keyId),
    ],
  });
  // The key before the certificate: a certificate without its key would be taken for a whole CA at the next start.
  await writeKey(keyFile, privateKey);
  await writeFileAtomic({ path: caFile, content: certificate, mode: 0o644 });
  return authority;
}

async function issueServiceCertificate(options: {
  authority: Authority;
  service: TransportService;
  files: TransportFiles;
  now: Date;
}): Promise<void> {
  const { authority, service, files, now } = options;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const certificate = issue(authority, {
    subject: buildName([{ type: 'CN', value: service }]),
    spki,
    now,
    lifetimeMs: SERVICE_LIFETIME_MS,
    extensions: [
      basicConstraintsExtension({ ca: false, pathLength: undefined, critical: true }),
      keyUsageExtension({ usages: ['digitalSignature'], critical: true }),
      extendedKeyUsageExtension({ purposes: [OID.serverAuth, OID.clientAuth], critical: false }),
      subjectAltNameExtension({
        names: [
          { kind: 'uri', value: `certtasks://service/${service}` },
          { kind: 'dns', value: 'localhost' },
          { kind: 'ip', value: '127.0.0.1' },
        ],
        critical: false,
      }),
      subjectKeyIdentifierExtension(parsePublicKey(spki).keyId()),
      authorityKeyIdentifierExtension(authority.keyId),
    ],
  });
  await writeKey(files.keyFile, privateKey);
  await writeFileAtomic({ path: files.certFile, content: certificate, mode: 0o644 });
}

function issue(
  authority: Authority,
  subject: { subject: Name; spki: Uint8Array; now: Date; lifetimeMs: number; extensions: readonly Extension[] },
): string {
  const second = (ms: number): Date => new Date(Math.floor(ms / 1000) * 1000);
  const tbs = buildTbsCertificate({
    serialNumber: serialFromRandom(randomBytes(20)),
    signatureAlgorithm: 'ecdsa-sha256',
    issuer: authority.name,
    notBefore: second(subject.now.getTime() - BACKDATE_MS),
    notAfter: second(subject.now.getTime() + subject.lifetimeMs),
    subject: subject.subject,
    spki: subject.spki,
    extensions: subject.extensions,
  });
  const signature = sign('sha256', tbs, authority.key);
  return encodePem('CERTIFICATE', assembleCertificate({ tbs, signatureAlgorithm: 'ecdsa-sha256', signature }));
}

async function isFresh(certFile: string, now: Date): Promise<boolean> {
  const pem = await readIfThere(certFile);
  if (pem === undefined) return false;
  return parseCertificate(decodePem(pem, 'CERTIFICATE')).notAfter.getTime() - now.getTime() > RENEW_BEFORE_MS;
}

async function writeKey(path: string, key: KeyObject): Promise<void> {
  await writeFileAtomic({ path, content: key.export({ format: 'pem', type: 'pkcs8' }), mode: 0o600 });
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
