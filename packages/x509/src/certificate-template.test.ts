import { describe, expect, it } from 'vitest';
import { newRandom } from '../test/mutation.ts';
import { newRoot, newTestKey, TEST_NOT_AFTER, TEST_NOT_BEFORE } from '../test/test-authority.ts';
import { codeOf } from '../test/x509-failure.ts';
import { subjectAltNameExtension } from './alternative-name.ts';
import { basicConstraintsExtension } from './basic-constraints.ts';
import { buildTbsCertificate } from './build-tbs-certificate.ts';
import { prepareCertificateTemplate, type TemplatedCertificateInput } from './certificate-template.ts';
import { encodeDer } from './der-writer.ts';
import type { Extension } from './extension.ts';
import { authorityKeyIdentifierExtension, subjectKeyIdentifierExtension } from './key-identifier.ts';
import { keyUsageExtension } from './key-usage.ts';
import { buildName } from './name.ts';
import { toHex } from './octets.ts';
import { OID } from './oid.ts';

const issuer = newRoot();
const { publicKey } = newTestKey();
const fixed: readonly Extension[] = [
  basicConstraintsExtension({ ca: false, pathLength: undefined, critical: true }),
  keyUsageExtension({ usages: ['digitalSignature'], critical: true }),
];
const last = authorityKeyIdentifierExtension(issuer.key.publicKey.keyId());
const template = {
  signatureAlgorithm: 'ecdsa-sha256',
  issuer: issuer.certificate.subject,
  extensions: [...fixed, { slot: OID.subjectAltName }, { slot: OID.subjectKeyIdentifier }, last],
} as const;
const write = prepareCertificateTemplate(template);
const skid = subjectKeyIdentifierExtension(publicKey.keyId());
const names = subjectAltNameExtension({ names: [{ kind: 'dns', value: 'a.example.com' }], critical: false });

function certificate(difference: Partial<TemplatedCertificateInput> = {}): TemplatedCertificateInput {
  return {
    serialNumber: 5n,
    notBefore: TEST_NOT_BEFORE,
    notAfter: TEST_NOT_AFTER,
    subject: buildName([{ type: 'CN', value: 'a.example.com' }]),
    spki: publicKey.der,
    extensions: [skid, names],
    ...difference,
  };
}

describe('a certificate template', () => {
  it('gives the octets of the plain builder, in the order of its slots', () => {
    const random = newRandom(40);
    for (let i = 0; i < 300; i++) {
      const hasNames = random(2) === 0;
      const own = certificate({
        serialNumber: (BigInt(random(2 ** 31)) << BigInt(random(128))) + 1n,
        notAfter: new Date(TEST_NOT_AFTER.getTime() + random(3) * 1000 + (random(9) === 0 ? 1e12 : 0)),
        subject: buildName([
          { type: 'O', value: 'Ä'.repeat(random(60) + 1) },
          { type: 'CN', value: 'x'.repeat(random(60) + 1) },
        ]),
        extensions: hasNames ? [skid, names] : [skid],
      });
      expect(toHex(write(own))).toBe(
        toHex(
          buildTbsCertificate({
            ...own,
            signatureAlgorithm: template.signatureAlgorithm,
            issuer: template.issuer,
            extensions: [...fixed, ...(hasNames ? [names] : []), skid, last],
          }),
        ),
      );
    }
  });

  it('does not share octets between certificates', () => {
    const first = write(certificate());
    const before = toHex(first);
    write(certificate({ serialNumber: 6n }));
    expect(toHex(first)).toBe(before);
  });

  it.each<[string, Partial<TemplatedCertificateInput>, string]>([
    ['an extension without a slot', { extensions: [last] }, 'invalid-argument'],
    ['an extension twice', { extensions: [skid, skid] }, 'duplicate-extension'],
    ['a serial number of zero', { serialNumber: 0n }, 'invalid-argument'],
    ['a serial number of 160 bits', { serialNumber: 1n << 159n }, 'invalid-argument'],
    [
      'a validity that ends before it begins',
      { notBefore: TEST_NOT_AFTER, notAfter: TEST_NOT_BEFORE },
      'invalid-argument',
    ],
    ['no time', { notAfter: new Date(Number.NaN) }, 'invalid-argument'],
  ])('refuses %s', (_name, difference, code) => {
    expect(codeOf(() => write(certificate(difference)))).toBe(code);
    // And goes on to work.
    expect(write(certificate()).length).toBeGreaterThan(100);
  });

  it('refuses an identifier in two places', () => {
    const twice = { ...template, extensions: [...fixed, { slot: OID.keyUsage }] };
    expect(codeOf(() => prepareCertificateTemplate(twice))).toBe('duplicate-extension');
  });
});

describe('large numbers', () => {
  it('are written in their shortest form at every size', () => {
    for (let bits = 0n; bits < 200n; bits++) {
      for (const value of [1n << bits, (1n << bits) - 1n, -(1n << bits), -(1n << bits) - 1n]) {
        const der = encodeDer((writer) => writer.integer(value));
        const content = toHex(der.subarray(2));
        expect(BigInt.asIntN((der.length - 2) * 8, BigInt(`0x${content}`))).toBe(value);
        if (der.length > 3) expect(content).not.toMatch(/^00[0-7]/);
        if (der.length > 3) expect(content).not.toMatch(/^ff[89a-f]/);
      }
    }
  });
});
