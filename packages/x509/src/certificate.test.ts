import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFixture } from '../test/fixture.ts';
import {
  newIntermediate,
  newLeaf,
  newRoot,
  newTestKey,
  signWith,
  TEST_NOT_AFTER,
  TEST_NOT_BEFORE,
} from '../test/test-authority.ts';
import { codeOf, failureOf } from '../test/x509-failure.ts';
import { assembleCertificate, buildTbsCertificate, type TbsCertificateInput } from './build-tbs-certificate.ts';
import { parseCertificate, verifyCertificateSignature } from './certificate.ts';
import { encodeDer } from './der-writer.ts';
import { subjectKeyIdentifierExtension } from './key-identifier.ts';
import { buildName } from './name.ts';
import { formatName } from './name-string.ts';
import { concatOctets, fromHex, toHex } from './octets.ts';
import { OID } from './oid.ts';
import { parsePublicKey } from './public-key.ts';
import { parseTbsCertificate } from './tbs-certificate.ts';

const leaf = parseCertificate(readFixture('leaf'));
const intermediate = parseCertificate(readFixture('intermediate'));
const root = parseCertificate(readFixture('root'));

describe('parseCertificate', () => {
  it.each(['root', 'intermediate', 'leaf', 'every-name', 'rsa-sha256', 'rsa-pss-sha256', 'ed25519'])(
    'agrees with node:crypto on %s',
    (name) => {
      const der = readFixture(name);
      const ours = parseCertificate(der);
      const theirs = new X509Certificate(der);
      expect(ours.serialNumberHex.toUpperCase()).toBe(theirs.serialNumber);
      expect(ours.serialNumber).toBe(BigInt(`0x${theirs.serialNumber}`));
      expect(ours.notBefore.getTime()).toBe(theirs.validFromDate.getTime());
      expect(ours.notAfter.getTime()).toBe(theirs.validToDate.getTime());
      expect(ours.fingerprintHex().toUpperCase()).toBe(theirs.fingerprint256.replaceAll(':', ''));
      expect(ours.isCa).toBe(theirs.ca);
      expect(toHex(ours.spki)).toBe(theirs.publicKey.export({ type: 'spki', format: 'der' }).toString('hex'));
      expect(formatName(ours.issuer)).toBe((theirs.issuer ?? '').split('\n').reverse().join(','));
      expect(toHex(concatOctets([ours.tbs]))).toBe(toHex(der.subarray(4, 4 + ours.tbs.length)));
    },
  );

  it('reads what openssl wrote', () => {
    expect(leaf.subjectAltName).toEqual([
      { kind: 'dns', value: 'api.example.com' },
      { kind: 'dns', value: '*.apps.example.com' },
      { kind: 'ip', value: '192.0.2.7' },
      { kind: 'ip', value: '2001:db8::7' },
      { kind: 'email', value: 'ops@example.com' },
    ]);
    expect(leaf.basicConstraints).toEqual({ ca: false, pathLength: undefined });
    expect(leaf.keyUsage).toEqual(new Set(['digitalSignature']));
    expect(leaf.extendedKeyUsage).toEqual([OID.serverAuth, OID.clientAuth]);
    expect(leaf.tlsFeature).toEqual([5]);
    expect(leaf.crlDistributionPoints?.[0]?.name).toEqual({
      kind: 'fullName',
      names: [{ kind: 'uri', value: 'http://crl.example.com/1.crl' }],
    });
    expect(leaf.authorityInfoAccess).toEqual([
      { method: OID.accessOcsp, location: { kind: 'uri', value: 'http://ocsp.example.com/' } },
      { method: OID.accessCaIssuers, location: { kind: 'uri', value: 'http://ca.example.com/i.cer' } },
    ]);
    expect(leaf.authorityKeyIdentifier?.keyId).toEqual(intermediate.subjectKeyIdentifier);
    expect(toHex(leaf.publicKey.keyId())).toBe(toHex(leaf.subjectKeyIdentifier ?? new Uint8Array()));
    expect(intermediate.basicConstraints).toEqual({ ca: true, pathLength: 0 });
    expect(intermediate.nameConstraints).toEqual({
      permitted: [
        { kind: 'dns', value: 'example.com' },
        { kind: 'ip', value: '192.0.2.0/24' },
        { kind: 'ip', value: '2001:db8::/32' },
        { kind: 'email', value: 'example.com' },
      ],
      excluded: [{ kind: 'dns', value: 'secret.example.com' }],
    });
    expect(intermediate.certificatePolicies?.map(({ policy, cpsUris }) => [policy, cpsUris])).toEqual([
      ['2.23.140.1.2.1', []],
      ['1.3.6.1.4.1.55738.1', ['https://example.com/cps']],
    ]);
  });

  it('keeps extensions that it does not know', () => {
    const unknown = leaf.extension('1.3.6.1.4.1.55738.99');
    expect(unknown?.critical).toBe(false);
    expect(Buffer.from(unknown?.value.subarray(2) ?? []).toString()).toBe('kept as it is');
    expect(leaf.extension('1.2.3')).toBeUndefined();
    expect(leaf.nameConstraints).toBeUndefined();
  });

  it('reads every kind of name', () => {
    const certificate = parseCertificate(readFixture('every-name'));
    expect(certificate.extension(OID.subjectAltName)?.critical).toBe(true);
    expect(certificate.subjectAltName?.map((name) => name.kind)).toEqual([
      'dns',
      'uri',
      'email',
      'registeredId',
      'directoryName',
      'otherName',
    ]);
    expect(certificate.subjectAltName?.[3]).toEqual({ kind: 'registeredId', oid: '1.2.3.4' });
  });

  it('keeps the exact octets that are signed', () => {
    expect(verifyCertificateSignature(leaf, intermediate.publicKey)).toBe(true);
    expect(verifyCertificateSignature(intermediate, root.spki)).toBe(true);
    expect(verifyCertificateSignature(leaf, root.publicKey)).toBe(false);
  });

  it('gives new dates at each call', () => {
    leaf.notBefore.setTime(0);
    expect(leaf.notBefore.toISOString()).toBe('2026-01-01T00:00:00.000Z');
  });

  it('refuses what is not one certificate', () => {
    const der = readFixture('leaf');
    expect(codeOf(() => parseCertificate(new Uint8Array()))).toBe('truncated');
    expect(codeOf(() => parseCertificate(concatOctets([der, fromHex('00')])))).toBe('trailing-bytes');
    expect(codeOf(() => parseCertificate(der.subarray(0, der.length - 1)))).toBe('truncated');
    expect(codeOf(() => parseCertificate(new Uint8Array(65_537)))).toBe('limit-exceeded');
    const failure = failureOf(() => parseCertificate(readFixture('csr-p256', 'CERTIFICATE REQUEST')));
    expect(failure.path).toMatch(/^tbsCertificate/);
    expect(failure.offset).toBeGreaterThan(0);
  });

  it('works on a view of a larger buffer', () => {
    const der = readFixture('leaf');
    const larger = concatOctets([new Uint8Array(7), der, new Uint8Array(9)]);
    const certificate = parseCertificate(larger.subarray(7, 7 + der.length));
    expect(verifyCertificateSignature(certificate, intermediate.publicKey)).toBe(true);
  });
});

/** A certificate of hexadecimal fields, for what no builder writes. */
function handMade(fields: {
  version?: string;
  serial?: string;
  algorithm?: string;
  outer?: string;
  validity?: string;
  rest?: string;
}): Uint8Array {
  const algorithm = fields.algorithm ?? '300a06082a8648ce3d040302';
  const tbs = sequence(
    `${fields.version ?? 'a003020102'}${fields.serial ?? '020101'}${algorithm}3000${fields.validity ?? VALIDITY}3000${toHex(root.spki)}${fields.rest ?? ''}`,
  );
  return fromHex(sequence(`${tbs}${fields.outer ?? algorithm}030200aa`));
}

const VALIDITY = sequence(`${utc('260101000000Z')}${utc('270101000000Z')}`);

function utc(text: string): string {
  return `17${text.length.toString(16).padStart(2, '0')}${Buffer.from(text).toString('hex')}`;
}

function sequence(content: string): string {
  return tagged('30', content);
}

function tagged(tag: string, content: string): string {
  return toHex(encodeDer((writer) => writer.element(Number.parseInt(tag, 16), fromHex(content))));
}

function extensions(...list: string[]): string {
  return tagged('a3', sequence(list.join('')));
}

const EXTENSION = '300806022a0304020500';

describe('the structure of a certificate', () => {
  it('is taken in the forms that RFC 5280 allows', () => {
    expect(parseCertificate(handMade({})).version).toBe(3);
    expect(parseCertificate(handMade({ version: '' })).version).toBe(1);
    expect(parseCertificate(handMade({ version: 'a003020101', rest: '810200aa820200bb' })).hasUniqueIdentifier).toBe(
      true,
    );
    expect(parseCertificate(handMade({ rest: extensions(EXTENSION) })).extensions).toHaveLength(1);
    expect(parseCertificate(handMade({ serial: '0201ff' })).serialNumber).toBe(-1n);
  });

  it.each([
    ['an encoded default version', { version: 'a003020100' }, 'unsupported-version'],
    ['version 4', { version: 'a003020103' }, 'unsupported-version'],
    ['extensions in version 1', { version: '', rest: extensions(EXTENSION) }, 'unsupported-version'],
    ['unique identifiers in version 1', { version: '', rest: '810200aa' }, 'unsupported-version'],
    ['an empty list of extensions', { rest: extensions() }, 'invalid-structure'],
    ['an extension twice', { rest: extensions(EXTENSION, EXTENSION) }, 'duplicate-extension'],
    ['an encoded critical FALSE', { rest: extensions('300b06022a0301010004020500') }, 'invalid-value'],
    [
      '65 extensions',
      {
        rest: extensions(
          ...Array.from({ length: 65 }, (_, i) => `300906032a04${i.toString(16).padStart(2, '0')}04020500`),
        ),
      },
      'limit-exceeded',
    ],
    ['something after the extensions', { rest: `${extensions(EXTENSION)}0500` }, 'trailing-bytes'],
    ['a padded serial number', { serial: '02020001' }, 'invalid-value'],
    ['a serial number of 65 octets', { serial: `0241${'01'.repeat(65)}` }, 'limit-exceeded'],
    ['two signature algorithms', { outer: '300a06082a8648ce3d040303' }, 'invalid-structure'],
    ['three times', { validity: sequence(utc('260101000000Z').repeat(3)) }, 'trailing-bytes'],
    ['a UTCTime without Z', { validity: sequence(utc('260101000000').repeat(2)) }, 'invalid-time'],
  ])('is refused with %s', (_name, fields, code) => {
    expect(codeOf(() => parseCertificate(handMade(fields)))).toBe(code);
  });
});

describe('buildTbsCertificate and assembleCertificate', () => {
  const key = newTestKey();
  const input: TbsCertificateInput = {
    serialNumber: 0x80n,
    signatureAlgorithm: 'ecdsa-sha256',
    issuer: root.subject.der,
    notBefore: TEST_NOT_BEFORE,
    notAfter: TEST_NOT_AFTER,
    subject: buildName([{ type: 'CN', value: 'x' }]),
    spki: key.publicKey.der,
    extensions: [subjectKeyIdentifierExtension(key.publicKey.keyId())],
  };

  it('make what node:crypto reads and verifies', () => {
    const authority = newRoot();
    const intermediateAuthority = newIntermediate(authority, { pathLength: 0 });
    const made = newLeaf(intermediateAuthority, {
      names: [
        { kind: 'dns', value: 'a.example.com' },
        { kind: 'ip', value: '::1' },
      ],
    });
    const [leafView, caView, rootView] = [made, intermediateAuthority.certificate, authority.certificate].map(
      ({ der }) => new X509Certificate(der),
    );
    expect(leafView?.verify(intermediateAuthority.key.publicKey.keyObject())).toBe(true);
    expect(caView && leafView?.checkIssued(caView)).toBe(true);
    expect(rootView && caView?.checkIssued(rootView)).toBe(true);
    expect(leafView?.subjectAltName).toBe('DNS:a.example.com, IP Address:0:0:0:0:0:0:0:1');
    expect(leafView?.checkHost('a.example.com')).toBe('a.example.com');
    expect(leafView?.validFromDate).toEqual(TEST_NOT_BEFORE);
  });

  it('write again what they read, octet for octet', () => {
    for (const certificate of [leaf, intermediate, root, parseCertificate(readFixture('every-name'))]) {
      const tbs = buildTbsCertificate({
        serialNumber: certificate.serialNumber,
        signatureAlgorithm: certificate.signatureAlgorithm,
        issuer: certificate.issuer,
        notBefore: certificate.notBefore,
        notAfter: certificate.notAfter,
        subject: certificate.subject.der,
        spki: certificate.spki,
        extensions: certificate.extensions,
      });
      expect(toHex(tbs)).toBe(toHex(certificate.tbs));
      const { signature, signatureAlgorithm } = certificate;
      expect(toHex(assembleCertificate({ tbs, signatureAlgorithm, signature }))).toBe(toHex(certificate.der));
    }
  });

  it('hold any serial number and time that RFC 5280 allows', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: (1n << 159n) - 1n }),
        fc.integer({ min: -631_152_000, max: 253_402_300_799 }),
        (serialNumber, seconds) => {
          const moment = new Date(seconds * 1000);
          const parsed = parseTbsCertificate(
            buildTbsCertificate({ ...input, serialNumber, notBefore: moment, notAfter: moment }),
          );
          expect(parsed.serialNumber).toBe(serialNumber);
          expect(parsed.serialNumberBytes.length).toBeLessThanOrEqual(20);
          expect(parsed.notAfter).toEqual(moment);
        },
      ),
      { numRuns: 200 },
    );
  });

  it.each<[string, Partial<TbsCertificateInput>]>([
    ['serial number 0', { serialNumber: 0n }],
    ['a negative serial number', { serialNumber: -1n }],
    ['a serial number of 160 bits', { serialNumber: 1n << 159n }],
    ['times the wrong way round', { notBefore: TEST_NOT_AFTER, notAfter: TEST_NOT_BEFORE }],
    ['an invalid time', { notAfter: new Date(Number.NaN) }],
    ['fractions of a second', { notBefore: new Date(TEST_NOT_BEFORE.getTime() + 1) }],
    ['no extensions', { extensions: [] }],
  ])('refuse %s', (_name, difference) => {
    expect(codeOf(() => buildTbsCertificate({ ...input, ...difference }))).toBe('invalid-argument');
  });

  it('refuse an extension given twice', () => {
    expect(
      codeOf(() => buildTbsCertificate({ ...input, extensions: [...input.extensions, ...input.extensions] })),
    ).toBe('duplicate-extension');
  });

  it('are seen by parseTbsCertificate before they are signed', () => {
    const tbs = buildTbsCertificate(input);
    const parsed = parseTbsCertificate(tbs);
    expect(toHex(parsed.tbs)).toBe(toHex(tbs));
    expect(parsed.serialNumberHex).toBe('80');
    expect(codeOf(() => parseTbsCertificate(concatOctets([tbs, fromHex('00')])))).toBe('trailing-bytes');
    const signed = assembleCertificate({ tbs, signatureAlgorithm: 'ecdsa-sha256', signature: signWith(key, tbs) });
    expect(verifyCertificateSignature(parseCertificate(signed), parsePublicKey(key.publicKey.der))).toBe(true);
  });
});
