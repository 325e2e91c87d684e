import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  assembleCertificate,
  authorityKeyIdentifierExtension,
  basicConstraintsExtension,
  buildName,
  buildTbsCertificate,
  type Certificate,
  type Extension,
  type GeneralName,
  keyUsageExtension,
  type Name,
  type PublicKeyInfo,
  parseCertificate,
  parsePublicKey,
  type RdnInput,
  subjectAltNameExtension,
  subjectKeyIdentifierExtension,
  type TbsCertificateInput,
} from '../src/index.ts';

/** A P-256 key pair of a test. */
export interface TestKey {
  readonly privateKey: KeyObject;
  readonly publicKey: PublicKeyInfo;
}

/** A CA of a test: its certificate and its key. */
export interface TestAuthority {
  readonly certificate: Certificate;
  readonly key: TestKey;
}

/** What differs from an ordinary certificate of a test. */
export interface TestCertificateInput {
  readonly subject?: readonly RdnInput[];
  readonly issuer?: Name | Uint8Array;
  readonly key?: TestKey;
  /** Added after the ordinary extensions, or in place of one with the same identifier. */
  readonly extensions?: readonly Extension[];
  /** Identifiers of ordinary extensions to leave out. */
  readonly without?: readonly string[];
  readonly names?: readonly GeneralName[];
  readonly overrides?: Partial<TbsCertificateInput>;
}

export const TEST_NOT_BEFORE = new Date('2026-01-01T00:00:00Z');
export const TEST_NOT_AFTER = new Date('2027-01-01T00:00:00Z');
export const TEST_TIME = new Date('2026-06-01T12:00:00Z');

export function newTestKey(): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, publicKey: parsePublicKey(new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))) };
}

/** ECDSA over SHA-256, DER. */
export function signWith(key: TestKey, data: Uint8Array): Uint8Array {
  return new Uint8Array(sign('sha256', data, key.privateKey));
}

let nextSerial = 1n << 100n;

function issue(
  input: TestCertificateInput,
  ordinary: readonly Extension[],
  parties: { issuer: Name | Uint8Array; key: TestKey; signer: TestKey },
): Certificate {
  const replaced = new Set([...(input.without ?? []), ...(input.extensions ?? []).map((extension) => extension.oid)]);
  const tbs = buildTbsCertificate({
    serialNumber: nextSerial++,
    signatureAlgorithm: 'ecdsa-sha256',
    issuer: input.issuer ?? parties.issuer,
    notBefore: TEST_NOT_BEFORE,
    notAfter: TEST_NOT_AFTER,
    subject: buildName(input.subject ?? [{ type: 'CN', value: 'test' }]),
    spki: parties.key.publicKey.der,
    extensions: [...ordinary.filter((extension) => !replaced.has(extension.oid)), ...(input.extensions ?? [])],
    ...input.overrides,
  });
  return parseCertificate(
    assembleCertificate({ tbs, signatureAlgorithm: 'ecdsa-sha256', signature: signWith(parties.signer, tbs) }),
  );
}

function authorityExtensions(key: TestKey, issuer: TestKey, pathLength: number | undefined): Extension[] {
  return [
    basicConstraintsExtension({ ca: true, pathLength, critical: true }),
    keyUsageExtension({ usages: ['keyCertSign', 'cRLSign'], critical: true }),
    subjectKeyIdentifierExtension(key.publicKey.keyId()),
    authorityKeyIdentifierExtension(issuer.publicKey.keyId()),
  ];
}

/** A self-signed root. */
export function newRoot(input: TestCertificateInput & { pathLength?: number } = {}): TestAuthority {
  const key = input.key ?? newTestKey();
  const subject = input.subject ?? [{ type: 'CN', value: 'root' }];
  const certificate = issue({ ...input, subject }, authorityExtensions(key, key, input.pathLength), {
    issuer: buildName(subject),
    key,
    signer: key,
  });
  return { certificate, key };
}

/** A CA below another one. */
export function newIntermediate(
  parent: TestAuthority,
  input: TestCertificateInput & { pathLength?: number } = {},
): TestAuthority {
  const key = input.key ?? newTestKey();
  const certificate = issue(
    { ...input, subject: input.subject ?? [{ type: 'CN', value: 'intermediate' }] },
    authorityExtensions(key, parent.key, input.pathLength),
    { issuer: parent.certificate.subject, key, signer: parent.key },
  );
  return { certificate, key };
}

/** An end-entity certificate, for `leaf.example.com` unless told. */
export function newLeaf(parent: TestAuthority, input: TestCertificateInput = {}): Certificate {
  const key = input.key ?? newTestKey();
  const names = input.names ?? [{ kind: 'dns', value: 'leaf.example.com' }];
  const ordinary = [
    basicConstraintsExtension({ ca: false, pathLength: undefined, critical: true }),
    keyUsageExtension({ usages: ['digitalSignature'], critical: true }),
    ...(names.length === 0 ? [] : [subjectAltNameExtension({ names, critical: input.subject?.length === 0 })]),
    subjectKeyIdentifierExtension(key.publicKey.keyId()),
    authorityKeyIdentifierExtension(parent.key.publicKey.keyId()),
  ];
  const subject = input.subject ?? [{ type: 'CN', value: 'leaf.example.com' }];
  return issue({ ...input, subject }, ordinary, { issuer: parent.certificate.subject, key, signer: parent.key });
}
