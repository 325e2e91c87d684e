import { describe, expect, it } from 'vitest';
import { readFixture } from '../test/fixture.ts';
import { newRoot, signWith } from '../test/test-authority.ts';
import { codeOf } from '../test/x509-failure.ts';
import {
  assembleCertificateList,
  buildTbsCertList,
  type RevokedCertificateInput,
  type TbsCertListInput,
} from './build-tbs-cert-list.ts';
import { parseCertificate } from './certificate.ts';
import { type CertificateList, parseCertificateList, verifyCertificateListSignature } from './certificate-list.ts';
import { crlNumberExtension, invalidityDateExtension } from './crl-extension.ts';
import { encodeDer } from './der-writer.ts';
import { issuingDistributionPointExtension } from './distribution-point.ts';
import type { Extension } from './extension.ts';
import { authorityKeyIdentifierExtension } from './key-identifier.ts';
import { concatOctets, fromHex, toHex } from './octets.ts';
import { OID } from './oid.ts';
import { parseTbsCertList, revokedSerialHex } from './tbs-cert-list.ts';

const authority = newRoot();
const input: TbsCertListInput = {
  signatureAlgorithm: 'ecdsa-sha256',
  issuer: authority.certificate.subject,
  thisUpdate: new Date('2026-01-01T00:00:00Z'),
  nextUpdate: new Date('2026-01-02T00:00:00Z'),
  revoked: [],
  extensions: [authorityKeyIdentifierExtension(authority.key.publicKey.keyId()), crlNumberExtension(1n)],
};

function make(difference: Partial<TbsCertListInput>): CertificateList {
  const tbs = buildTbsCertList({ ...input, ...difference });
  return parseCertificateList(
    assembleCertificateList({ tbs, signatureAlgorithm: 'ecdsa-sha256', signature: signWith(authority.key, tbs) }),
  );
}

function revoked(serialNumber: bigint, difference: Partial<RevokedCertificateInput> = {}): RevokedCertificateInput {
  return { serialNumber, revocationDate: new Date('2025-12-31T00:00:00Z'), reason: 'unspecified', ...difference };
}

describe('parseCertificateList', () => {
  const issuer = parseCertificate(readFixture('intermediate'));

  it('reads what openssl wrote', () => {
    const list = parseCertificateList(readFixture('crl-entries', 'X509 CRL'));
    expect(verifyCertificateListSignature(list, issuer.publicKey)).toBe(true);
    expect(verifyCertificateListSignature(list, authority.key.publicKey)).toBe(false);
    expect([list.version, list.entryCount, list.crlNumber]).toEqual([2, 4, 2n]);
    expect(list.thisUpdate).toEqual(new Date('2026-01-01T00:00:00Z'));
    expect(list.nextUpdate).toEqual(new Date('2026-02-01T00:00:00Z'));
    expect(list.authorityKeyIdentifier?.keyId).toEqual(issuer.subjectKeyIdentifier);
    expect(list.issuingDistributionPoint?.onlyContainsUserCerts).toBe(true);
    expect(list.issuingDistributionPoint?.name).toEqual({
      kind: 'fullName',
      names: [{ kind: 'uri', value: 'http://crl.example.com/1.crl' }],
    });
    const entries = [...list.entries()].map((entry) => [
      revokedSerialHex(entry),
      entry.reason,
      entry.revocationDate.toISOString(),
      entry.invalidityDate?.toISOString(),
    ]);
    expect(entries).toEqual([
      ['0a', 'keyCompromise', '2026-01-02T03:04:05.000Z', undefined],
      ['f0', 'unspecified', '2026-01-03T00:00:00.000Z', undefined],
      ['0100', 'keyCompromise', '2026-01-05T00:00:00.000Z', '2025-12-24T00:00:00.000Z'],
      ['7e94dc65a96cb9b82e16329dfbe2f5e4509f4a99', 'superseded', '2026-01-04T00:00:00.000Z', undefined],
    ]);
  });

  it('reads an empty list', () => {
    const list = parseCertificateList(readFixture('crl-empty', 'X509 CRL'));
    expect(verifyCertificateListSignature(list, issuer.publicKey)).toBe(true);
    expect([list.entryCount, [...list.entries()], list.find(1n)]).toEqual([0, [], undefined]);
  });

  it('refuses what is not one CRL', () => {
    const der = readFixture('crl-entries', 'X509 CRL');
    expect(codeOf(() => parseCertificateList(concatOctets([der, fromHex('00')])))).toBe('trailing-bytes');
    expect(codeOf(() => parseCertificateList(readFixture('leaf')))).toMatch(/unexpected-tag|unsupported-version/);
  });
});

describe('find', () => {
  const list = parseCertificateList(readFixture('crl-entries', 'X509 CRL'));
  it('finds exactly the numbers that are listed', () => {
    expect(list.find(0xf0n)?.reason).toBe('unspecified');
    expect(list.find(0x0an)?.reason).toBe('keyCompromise');
    expect(list.find(0x100n)?.invalidityDate).toEqual(new Date('2025-12-24T00:00:00Z'));
    expect(list.find(0x7e94dc65a96cb9b82e16329dfbe2f5e4509f4a99n)?.reason).toBe('superseded');
    for (const other of [0n, 1n, 0xf1n, -16n, 0x0a0an, 0x01n, 0x7e94dc65a96cb9b82e16329dfbe2f5e4509f4a98n])
      expect(list.find(other)).toBeUndefined();
  });

  it('works on a large list', () => {
    const count = 50_000;
    const large = make({
      revoked: Array.from({ length: count }, (_, i) => revoked(BigInt(i) * 7919n + 1n, { reason: 'superseded' })),
    });
    expect(large.entryCount).toBe(count);
    expect(large.find(BigInt(count - 1) * 7919n + 1n)?.reason).toBe('superseded');
    expect(large.find(2n)).toBeUndefined();
  });

  const withCritical = (extension: Extension): CertificateList =>
    make({ extensions: [...input.extensions, extension], revoked: [revoked(5n)] });
  it.each<[string, () => CertificateList]>([
    ['an unknown critical extension', () => withCritical({ oid: '1.2.3', critical: true, value: fromHex('0500') })],
    ['a delta CRL', () => withCritical({ oid: OID.deltaCRLIndicator, critical: true, value: fromHex('020101') })],
    [
      'an indirect CRL',
      () => withCritical({ oid: OID.issuingDistributionPoint, critical: true, value: fromHex('30038401ff') }),
    ],
  ])('does not answer from %s', (_name, build) => {
    expect(codeOf(() => build().find(5n))).toBe('unsupported-extension');
    expect([...build().entries()]).toHaveLength(1);
  });

  it('does not answer where any entry has an unknown critical extension', () => {
    const tbs = toHex(
      buildTbsCertList({ ...input, revoked: [revoked(5n, { invalidityDate: new Date('2026-01-01T00:00:00Z') })] }),
    );
    const plain = toHex(invalidityDateExtension(new Date(0)).value).length;
    expect(plain).toBeGreaterThan(0);
    // The entry's extension becomes { 2.5.29.99, critical, OCTET STRING }: same length, other content.
    const before = `301806${'03551d18'}0411180f${Buffer.from('20260101000000Z').toString('hex')}`;
    const after = `301806${'03551d63'}0101ff040e180c${Buffer.from('260101000000').toString('hex')}`;
    expect(tbs).toContain(before);
    const changed = fromHex(tbs.replace(before, after));
    const parsed = parseTbsCertList(changed);
    expect(codeOf(() => parsed.find(6n))).toBe('unsupported-extension');
  });
});

describe('buildTbsCertList', () => {
  it('writes again what openssl wrote, octet for octet', () => {
    const theirs = parseCertificateList(readFixture('crl-entries', 'X509 CRL'));
    const entries = [...theirs.entries()].map((entry): RevokedCertificateInput => {
      const { revocationDate, reason, invalidityDate, serialNumberBytes } = entry;
      return {
        serialNumber: BigInt(`0x${toHex(serialNumberBytes)}`),
        revocationDate,
        reason,
        ...(invalidityDate === undefined ? {} : { invalidityDate }),
      };
    });
    const tbs = buildTbsCertList({
      signatureAlgorithm: theirs.signatureAlgorithm,
      issuer: theirs.issuer,
      thisUpdate: theirs.thisUpdate,
      nextUpdate: theirs.nextUpdate ?? new Date(0),
      revoked: entries,
      extensions: theirs.extensions,
    });
    expect(toHex(tbs)).toBe(toHex(theirs.tbs));
  });

  it('leaves the list out where nothing is revoked', () => {
    expect(make({}).entryCount).toBe(0);
    expect(verifyCertificateListSignature(make({}), authority.key.publicKey)).toBe(true);
  });

  it('keeps scope, reason and dates', () => {
    const list = make({
      revoked: [
        revoked(1n, { reason: 'keyCompromise', invalidityDate: new Date('2020-01-01T00:00:00Z') }),
        revoked(2n),
      ],
      extensions: [
        ...input.extensions,
        issuingDistributionPointExtension({ urls: ['http://a.example/1'], onlyContains: 'user-certificates' }),
      ],
    });
    expect(list.find(1n)?.invalidityDate).toEqual(new Date('2020-01-01T00:00:00Z'));
    expect(list.find(2n)?.extensions).toEqual([]);
    expect(list.issuingDistributionPoint?.onlyContainsUserCerts).toBe(true);
  });

  it.each<[string, Partial<TbsCertListInput>]>([
    ['nextUpdate before thisUpdate', { nextUpdate: input.thisUpdate }],
    ['no extensions', { extensions: [] }],
    ['serial number 0', { revoked: [revoked(0n)] }],
    ['a serial number of 160 bits', { revoked: [revoked(1n << 159n)] }],
  ])('refuses %s', (_name, difference) => {
    expect(codeOf(() => buildTbsCertList({ ...input, ...difference }))).toBe('invalid-argument');
  });
});

describe('the structure of a CRL', () => {
  const algorithm = '300a06082a8648ce3d040302';
  const time = '170d3236303130313030303030305a';
  function tbs(fields: { version?: string; rest?: string }): Uint8Array {
    const body = fromHex(`${fields.version ?? '020101'}${algorithm}3000${time}${fields.rest ?? ''}`);
    return encodeDer((writer) => writer.element(0x30, body));
  }
  it('is taken in the forms that X.509 allows', () => {
    expect(parseTbsCertList(tbs({})).nextUpdate).toBeUndefined();
    expect(parseTbsCertList(tbs({ version: '' })).version).toBe(1);
  });
  it.each([
    ['version 1 encoded', { version: '020100' }, 'unsupported-version'],
    ['version 3', { version: '020102' }, 'unsupported-version'],
    ['an empty list of entries', { rest: '3000' }, 'invalid-structure'],
    [
      'extensions in version 1',
      { version: '', rest: 'a00c300a300806032a0304040100'.replace('300a3008', '300a3008') },
      'unsupported-version',
    ],
    [
      'entry extensions in version 1',
      { version: '', rest: `3020301e020101${time}300a300806032a0304040100`.replace('3020301e', '3020301e') },
      'unsupported-version',
    ],
    ['an empty extension list', { rest: 'a0023000' }, 'invalid-structure'],
    [
      'an entry with an unknown reason code',
      { rest: `3022${'3020'}020101${time}300c300a0603551d1504030a0107` },
      'invalid-extension',
    ],
    ['something after the extensions', { rest: '0500' }, 'trailing-bytes'],
  ])('is refused with %s', (_name, fields, code) => {
    expect(codeOf(() => parseTbsCertList(tbs(fields)))).toBe(code);
  });
});
