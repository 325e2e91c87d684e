import 'reflect-metadata';
import { deepStrictEqual as same } from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto';
import * as peculiar from '@peculiar/x509';
import { describe, it } from 'vitest';
import { newRandom } from '../test/mutation.ts';
import { subjectAltNameExtension } from './alternative-name.ts';
import type { AttributeName } from './attribute-type.ts';
import { basicConstraintsExtension } from './basic-constraints.ts';
import { assembleCertificateList, buildTbsCertList } from './build-tbs-cert-list.ts';
import { assembleCertificate, buildTbsCertificate } from './build-tbs-certificate.ts';
import { type Certificate, parseCertificate, verifyCertificateSignature } from './certificate.ts';
import { parseCertificateList } from './certificate-list.ts';
import { crlNumberExtension, REVOCATION_REASONS, type RevocationReason } from './crl-extension.ts';
import { extendedKeyUsageExtension } from './extended-key-usage.ts';
import type { GeneralName } from './general-name.ts';
import { parseIpAddress } from './ip-address.ts';
import { authorityKeyIdentifierExtension, subjectKeyIdentifierExtension } from './key-identifier.ts';
import { KEY_USAGES, type KeyUsage, keyUsageExtension } from './key-usage.ts';
import { buildName, type RdnInput } from './name.ts';
import { toHex } from './octets.ts';
import { OID } from './oid.ts';
import { matchesPeerName } from './peer-name.ts';
import { parsePublicKey } from './public-key.ts';
import type { SignatureAlgorithm } from './signature-algorithm.ts';

/** How many objects of each kind are generated. */
const CERTIFICATES = 2500;
/** How many of them the slowest reader is asked about. */
const SLOW_READER = 800;
const LISTS = 300;
const SLOW_TEST = 60_000;

type Random = (below: number) => number;

interface Signer {
  readonly algorithm: SignatureAlgorithm;
  readonly digest: string | undefined;
  readonly privateKey: KeyObject;
  readonly spki: Uint8Array;
}

function newSigner(pair: { privateKey: KeyObject; publicKey: KeyObject }, algorithm: SignatureAlgorithm): Signer {
  const spki = new Uint8Array(pair.publicKey.export({ type: 'spki', format: 'der' }));
  const digest = algorithm === 'ed25519' ? undefined : algorithm.slice(-6);
  return { algorithm, digest, privateKey: pair.privateKey, spki };
}

const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const signers = [
  newSigner(p256, 'ecdsa-sha256'),
  newSigner(p384, 'ecdsa-sha384'),
  newSigner(rsa, 'rsa-sha256'),
  newSigner(rsa, 'rsa-sha512'),
  newSigner(generateKeyPairSync('ed25519'), 'ed25519'),
];

function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[random(items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

function some<T>(random: Random, items: readonly T[]): T[] {
  return items.filter(() => random(3) === 0);
}

const TEXTS = [
  'Example',
  'Müller & Söhne',
  '日本',
  'a+b=c, "d"',
  '  spaces  ',
  '#hash',
  'back\\slash',
  'O’Brien',
  '😀',
];
const TYPES: readonly AttributeName[] = ['CN', 'O', 'OU', 'L', 'ST', 'street', 'title', 'UID'];

function randomName(random: Random): RdnInput[] {
  const rdns: RdnInput[] = [{ type: 'C', value: pick(random, ['DE', 'US', 'JP']) }];
  for (let count = random(4); count >= 0; count--) rdns.push({ type: pick(random, TYPES), value: pick(random, TEXTS) });
  return rdns;
}

function randomAlternativeName(random: Random): GeneralName {
  const label = `h${random(1e6)}`;
  const names: readonly GeneralName[] = [
    { kind: 'dns', value: `${label}.example.com` },
    { kind: 'dns', value: `*.${label}.example.com` },
    { kind: 'ip', value: `${random(256)}.${random(256)}.${random(256)}.${random(256)}` },
    { kind: 'ip', value: `2001:db8::${(random(65535) + 1).toString(16)}` },
    { kind: 'email', value: `${label}@example.com` },
    { kind: 'uri', value: `https://${label}.example.com/a?b=c` },
  ];
  return pick(random, names);
}

function randomTime(random: Random): Date {
  return new Date(Date.UTC(1970 + random(120), random(12), 1 + random(28), random(24), random(60), random(60)));
}

interface Generated {
  readonly certificate: Certificate;
  readonly signer: Signer;
  readonly serialHex: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly names: readonly GeneralName[];
  readonly usages: readonly KeyUsage[];
  readonly isCa: boolean;
}

function generate(random: Random): Generated {
  const signer = pick(random, signers);
  const [first, second] = [randomTime(random), randomTime(random)];
  const [notBefore, notAfter] = first < second ? [first, second] : [second, first];
  const names = Array.from({ length: random(5) + 1 }, () => randomAlternativeName(random));
  const usages = [...some(random, KEY_USAGES), 'digitalSignature' as const].filter(
    (usage, i, all) => all.indexOf(usage) === i,
  );
  const isCa = random(2) === 0;
  const serialNumber = BigInt(
    `0x${Array.from({ length: 1 + random(19) }, () => (random(255) + 1).toString(16).padStart(2, '0')).join('')}`,
  );
  const key = parsePublicKey(signer.spki);
  const tbs = buildTbsCertificate({
    serialNumber,
    signatureAlgorithm: signer.algorithm,
    issuer: buildName(randomName(random)),
    notBefore,
    notAfter,
    subject: buildName(random(8) === 0 ? [] : randomName(random)),
    spki: signer.spki,
    extensions: [
      basicConstraintsExtension({
        ca: isCa,
        pathLength: isCa && random(2) === 0 ? random(9) : undefined,
        critical: isCa,
      }),
      keyUsageExtension({ usages, critical: true }),
      extendedKeyUsageExtension({
        purposes: [OID.serverAuth, ...some(random, [OID.clientAuth, OID.codeSigning])],
        critical: false,
      }),
      subjectAltNameExtension({ names, critical: false }),
      subjectKeyIdentifierExtension(key.keyId()),
      authorityKeyIdentifierExtension(key.keyId()),
    ],
  });
  const signature = new Uint8Array(sign(signer.digest ?? null, tbs, signer.privateKey));
  const der = assembleCertificate({ tbs, signatureAlgorithm: signer.algorithm, signature });
  const digits = serialNumber.toString(16);
  return {
    certificate: parseCertificate(der),
    signer,
    serialHex: digits.length % 2 === 0 ? digits : `0${digits}`,
    notBefore,
    notAfter,
    names,
    usages,
    isCa,
  };
}

/** Serial number as node:crypto writes it. */
function nodeSerial(hex: string): string {
  return hex.toUpperCase();
}

describe('generated certificates', () => {
  const random = newRandom(20);
  const all = Array.from({ length: CERTIFICATES }, () => generate(random));

  it('are read by node:crypto as by us', { timeout: SLOW_TEST }, () => {
    for (const { certificate, signer, serialHex, notBefore, notAfter, names, usages, isCa } of all) {
      const other = new X509Certificate(certificate.der);
      same([certificate.serialNumberHex, other.serialNumber], [serialHex, nodeSerial(serialHex)]);
      same([other.validFromDate, other.validToDate], [notBefore, notAfter]);
      same([certificate.notBefore, certificate.notAfter], [notBefore, notAfter]);
      same([other.ca, certificate.isCa], [isCa && usages.includes('keyCertSign'), isCa]);
      same(toHex(new Uint8Array(other.publicKey.export({ type: 'spki', format: 'der' }))), toHex(signer.spki));
      same(other.fingerprint256.replaceAll(':', '').toLowerCase(), certificate.fingerprintHex());
      same(other.verify(other.publicKey), true);
      same(verifyCertificateSignature(certificate, certificate.publicKey), true);
      same(certificate.subjectAltName, names);
      for (const name of names) {
        if (name.kind === 'dns') {
          const host = name.value.replace('*', 'any');
          same(
            [
              other.checkHost(host, { subject: 'never' }) !== undefined,
              matchesPeerName(certificate, { kind: 'dns', value: host }),
            ],
            [true, true],
          );
          const foreign = `x.${host}`;
          same(
            matchesPeerName(certificate, { kind: 'dns', value: foreign }),
            other.checkHost(foreign, { subject: 'never' }) !== undefined,
          );
        } else if (name.kind === 'ip') {
          same(
            [other.checkIP(name.value) !== undefined, matchesPeerName(certificate, { kind: 'ip', value: name.value })],
            [true, true],
          );
        } else if (name.kind === 'email') {
          same(
            [
              other.checkEmail(name.value, { subject: 'never' }) !== undefined,
              matchesPeerName(certificate, { kind: 'email', value: name.value }),
            ],
            [true, true],
          );
        }
      }
    }
  });

  it('are read by @peculiar/x509 as by us', { timeout: SLOW_TEST }, () => {
    for (const { certificate, serialHex, notBefore, notAfter, names, usages } of all.slice(0, SLOW_READER)) {
      const other = new peculiar.X509Certificate(Buffer.from(certificate.der));
      same(BigInt(`0x${other.serialNumber}`), BigInt(`0x${serialHex}`));
      same([other.notBefore, other.notAfter], [notBefore, notAfter]);
      same(
        Array.from(other.extensions, ({ type, critical }) => [type, critical]),
        certificate.extensions.map(({ oid, critical }) => [oid, critical]),
      );
      same(toHex(new Uint8Array(other.subjectName.toArrayBuffer())), toHex(certificate.subject.der));
      const alternative = other.getExtension(peculiar.SubjectAlternativeNameExtension);
      const kinds = { dns: 'dns', ip: 'ip', email: 'email', url: 'uri' } as const;
      const read = Array.from(alternative?.names.items ?? []).map(
        ({ type, value }) =>
          `${kinds[type as keyof typeof kinds]}:${type === 'ip' ? toHex(parseIpAddress(value) ?? new Uint8Array()) : value}`,
      );
      same(
        read,
        names.map((name) =>
          'value' in name
            ? `${name.kind}:${name.kind === 'ip' ? toHex(parseIpAddress(name.value) ?? new Uint8Array()) : name.value}`
            : '',
        ),
      );
      // Bit 0 of the type is bit 0 of its flags.
      const flags = usages.reduce((sum, usage) => sum | (1 << KEY_USAGES.indexOf(usage)), 0);
      same(other.getExtension(peculiar.KeyUsagesExtension)?.usages, flags);
    }
  });
});

describe('generated CRLs', () => {
  const random = newRandom(21);
  const reasons = (Object.keys(REVOCATION_REASONS) as RevocationReason[]).filter(
    (reason) => reason !== 'removeFromCRL',
  );

  it('are read by @peculiar/x509 as by us', { timeout: SLOW_TEST }, () => {
    const signer = pick(() => 0, signers);
    for (let i = 0; i < LISTS; i++) {
      const revoked = Array.from({ length: random(20) }, (_, n) => ({
        serialNumber: (BigInt(random(2 ** 31)) << 40n) + BigInt(n + 1),
        revocationDate: randomTime(random),
        reason: pick(random, reasons),
      }));
      const tbs = buildTbsCertList({
        signatureAlgorithm: signer.algorithm,
        issuer: buildName(randomName(random)),
        thisUpdate: new Date('2026-01-01T00:00:00Z'),
        nextUpdate: new Date('2026-02-01T00:00:00Z'),
        revoked,
        extensions: [
          authorityKeyIdentifierExtension(parsePublicKey(signer.spki).keyId()),
          crlNumberExtension(BigInt(i)),
        ],
      });
      const signature = new Uint8Array(sign('sha256', tbs, signer.privateKey));
      const list = parseCertificateList(
        assembleCertificateList({ tbs, signatureAlgorithm: signer.algorithm, signature }),
      );
      const other = new peculiar.X509Crl(Buffer.from(list.der));
      const entries = [...list.entries()];
      same(
        entries.map(({ reason }) => reason),
        revoked.map(({ reason }) => reason),
      );
      same(
        other.entries.map(({ serialNumber }) => BigInt(`0x${serialNumber}`)),
        revoked.map(({ serialNumber }) => serialNumber),
      );
      same(
        other.entries.map(({ revocationDate }) => revocationDate),
        revoked.map(({ revocationDate }) => revocationDate),
      );
      for (const { serialNumber, reason } of revoked) same(list.find(serialNumber)?.reason, reason);
      same(list.find(7n << 100n), undefined);
    }
  });
});
