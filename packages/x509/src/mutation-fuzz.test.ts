import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readFixture } from '../test/fixture.ts';
import { mutate, newRandom } from '../test/mutation.ts';
import { TEST_TIME } from '../test/test-authority.ts';
import { type Certificate, parseCertificate, verifyCertificateSignature } from './certificate.ts';
import { parseCertificateList, verifyCertificateListSignature } from './certificate-list.ts';
import { parseCertificationRequest, verifyProofOfPossession } from './certification-request.ts';
import { describeGeneralName } from './general-name.ts';
import { lintTbsCertificate } from './lint-certificate.ts';
import { nameKey } from './name-comparison.ts';
import { formatName, parseNameString } from './name-string.ts';
import { equalOctets } from './octets.ts';
import { PATH_POLICIES } from './path-policy.ts';
import { decodePemBundle, encodePem } from './pem.ts';
import { validatePath } from './validate-path.ts';
import { X509Error } from './x509-error.ts';

/** Room for a test of thousands of inputs on a machine that does other things too. */
const SLOW_TEST = 60_000;

/** Longest that one mutated input may take, in milliseconds; a stall of the machine is far below it. */
const SLOWEST = 2000;

/** Runs an act, which may only succeed or throw X509Error, and in bounded time. Gives true where it succeeded. */
function survives(act: () => unknown): boolean {
  const start = performance.now();
  try {
    act();
    return true;
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return false;
  } finally {
    if (performance.now() - start > SLOWEST) expect.fail('one input took too long');
  }
}

/** True where its key and its names hold nothing that we keep without understanding it. */
function isPlain({ publicKey, issuer, subject }: Certificate): boolean {
  const attributes = [...issuer.rdns, ...subject.rdns].flat();
  return publicKey.details.kind !== 'unknown' && attributes.every(({ value }) => value !== undefined);
}

const root = parseCertificate(readFixture('root'));
const intermediate = parseCertificate(readFixture('intermediate'));

/** Everything that can be asked of a certificate. Getters are asked one by one, since each may throw. */
const CERTIFICATE_QUESTIONS = [
  'signatureAlgorithm',
  'publicKey',
  'basicConstraints',
  'keyUsage',
  'extendedKeyUsage',
  'subjectAltName',
  'subjectKeyIdentifier',
  'authorityKeyIdentifier',
  'crlDistributionPoints',
  'authorityInfoAccess',
  'certificatePolicies',
  'nameConstraints',
  'tlsFeature',
  'isCa',
  'serialNumberHex',
  'notBefore',
  'notAfter',
] as const;

function interrogate(der: Uint8Array): void {
  const certificate = parseCertificate(der);
  for (const question of CERTIFICATE_QUESTIONS) survives(() => certificate[question]);
  survives(() => certificate.publicKey.keyObject());
  survives(() => certificate.subjectAltName?.map(describeGeneralName));
  survives(() => verifyCertificateSignature(certificate, intermediate.publicKey));
  survives(() => parseNameString(formatName(certificate.subject)));
  nameKey(certificate.issuer);
  lintTbsCertificate(certificate.tbs);
  // Whatever a certificate says, validation gives a verdict and throws nothing.
  const trustAnchors = [root];
  for (const policy of Object.values(PATH_POLICIES)) {
    const question = { trustAnchors, time: TEST_TIME, policy, purposes: [] };
    validatePath({
      ...question,
      leaf: certificate,
      intermediates: [intermediate],
      peerName: { kind: 'dns', value: 'api.example.com' },
    });
    validatePath({
      ...question,
      leaf: parseCertificate(readFixture('leaf')),
      intermediates: [certificate, intermediate],
      trustAnchors: [certificate],
    });
  }
}

describe('mutated input', () => {
  it.each(['leaf', 'intermediate', 'every-name', 'rsa-pss-sha256'])(
    'as certificate %s gives nothing but X509Error',
    (name) => {
      const random = newRandom(1);
      const original = readFixture(name);
      let parsed = 0;
      for (let i = 0; i < 1000; i++) {
        const der = mutate(original, random);
        if (survives(() => interrogate(der))) parsed++;
      }
      // Mutations that all die at the first octet would prove nothing.
      expect(parsed).toBeGreaterThan(100);
      expect(parsed).toBeLessThan(1000);
    },
    SLOW_TEST,
  );

  it('never passes for the chain of the original', () => {
    const random = newRandom(2);
    const original = readFixture('leaf');
    const question = {
      intermediates: [intermediate],
      trustAnchors: [root],
      time: TEST_TIME,
      policy: PATH_POLICIES.rfc5280,
      purposes: [],
    };
    expect(validatePath({ ...question, leaf: parseCertificate(original) }).ok).toBe(true);
    for (let i = 0; i < 1500; i++) {
      const der = mutate(original, random);
      survives(() => {
        const leaf = parseCertificate(der);
        // Only octets outside of the signed ones and the signature itself could differ, and there are none in strict DER.
        if (!equalOctets(der, original)) expect(validatePath({ ...question, leaf }).ok).toBe(false);
      });
    }
  });

  it('is accepted as a certificate only where node:crypto accepts it', () => {
    const random = newRandom(3);
    const original = readFixture('leaf');
    let compared = 0;
    for (let i = 0; i < 2000; i++) {
      const der = mutate(original, random);
      if (!survives(() => parseCertificate(der).publicKey) || !isPlain(parseCertificate(der))) continue;
      compared++;
      expect(() => new X509Certificate(der)).not.toThrow();
    }
    expect(compared).toBeGreaterThan(100);
  });

  it.each(['csr-p256', 'csr-rsa-pss'])('as request %s gives nothing but X509Error', (name) => {
    const random = newRandom(4);
    const original = readFixture(name, 'CERTIFICATE REQUEST');
    const { requestInfo } = parseCertificationRequest(original);
    let parsed = 0;
    for (let i = 0; i < 2000; i++) {
      const der = mutate(original, random);
      survives(() => {
        const request = parseCertificationRequest(der);
        parsed++;
        // The algorithm stands outside of the signed octets, and RSA-PSS has more than one encoding of it.
        if (!equalOctets(request.requestInfo, requestInfo)) expect(verifyProofOfPossession(request)).toBe(false);
      });
    }
    expect(parsed).toBeGreaterThan(50);
  });

  it.each(['crl-entries', 'crl-empty'])('as CRL %s gives nothing but X509Error', (name) => {
    const random = newRandom(5);
    const original = readFixture(name, 'X509 CRL');
    let parsed = 0;
    for (let i = 0; i < 2000; i++) {
      const der = mutate(original, random);
      survives(() => {
        const list = parseCertificateList(der);
        parsed++;
        // Each entry was checked when the list was parsed.
        expect([...list.entries()]).toHaveLength(list.entryCount);
        survives(() => list.find(0xf0n));
        survives(() => list.crlNumber);
        survives(() => list.issuingDistributionPoint);
        survives(() => list.authorityKeyIdentifier);
        if (!equalOctets(der, original))
          survives(() => expect(verifyCertificateListSignature(list, intermediate.publicKey)).toBe(false));
      });
    }
    expect(parsed).toBeGreaterThan(50);
  });

  it('as PEM gives nothing but X509Error', () => {
    const random = newRandom(6);
    const original = new TextEncoder().encode(encodePem('CERTIFICATE', readFixture('leaf')).repeat(2));
    for (let i = 0; i < 1000; i++) {
      const text = Buffer.from(mutate(original, random)).toString('latin1');
      survives(() => decodePemBundle(text, 'CERTIFICATE'));
    }
  });

  it('as random octets gives nothing but X509Error', () => {
    const random = newRandom(7);
    for (let i = 0; i < 3000; i++) {
      const octets = Uint8Array.from({ length: random(200) }, (_, at) => (at === 0 ? 0x30 : random(256)));
      survives(() => parseCertificate(octets));
      survives(() => parseCertificationRequest(octets));
      survives(() => parseCertificateList(octets));
    }
  });
});
