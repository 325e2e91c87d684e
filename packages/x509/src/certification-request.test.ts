import { describe, expect, it } from 'vitest';
import { readFixture } from '../test/fixture.ts';
import { newTestKey, signWith } from '../test/test-authority.ts';
import { codeOf } from '../test/x509-failure.ts';
import { parseSubjectAltName, subjectAltNameExtension } from './alternative-name.ts';
import {
  assembleCertificationRequest,
  buildCertificationRequestInfo,
  parseCertificationRequest,
  verifyProofOfPossession,
} from './certification-request.ts';
import { buildName } from './name.ts';
import { formatName } from './name-string.ts';
import { concatOctets, fromHex, toHex } from './octets.ts';
import { OID } from './oid.ts';
import { assertStrongKey } from './public-key.ts';

function fixture(name: string): Uint8Array {
  return readFixture(name, 'CERTIFICATE REQUEST');
}

describe('parseCertificationRequest', () => {
  it.each([
    ['csr-p256', 'ecdsa-sha256', 'ec'],
    ['csr-p384-sha256', 'ecdsa-sha256', 'ec'],
    ['csr-rsa2048', 'rsa-sha256', 'rsa'],
    ['csr-rsa-pss', 'rsa-pss-sha256', 'rsa'],
    ['csr-ed25519', 'ed25519', 'ed25519'],
  ])('reads and verifies %s of openssl', (name, algorithm, kind) => {
    const request = parseCertificationRequest(fixture(name));
    expect([request.signatureAlgorithm, request.publicKey.details.kind]).toEqual([algorithm, kind]);
    expect(verifyProofOfPossession(request)).toBe(true);
  });

  it('gives the extensions asked for', () => {
    const request = parseCertificationRequest(fixture('csr-p256'));
    expect(request.requestedExtensions.map(({ oid, critical }) => [oid, critical])).toEqual([
      [OID.subjectAltName, false],
      [OID.keyUsage, true],
    ]);
    const [names] = request.requestedExtensions;
    expect(names && parseSubjectAltName(names)).toEqual([
      { kind: 'dns', value: 'api.example.com' },
      { kind: 'ip', value: '192.0.2.7' },
    ]);
    expect(formatName(request.subject)).toBe('CN=api.example.com');
    expect(parseCertificationRequest(fixture('csr-rsa2048')).requestedExtensions).toEqual([]);
  });

  it('refuses weak keys and digests', () => {
    const weak = parseCertificationRequest(fixture('csr-rsa1024'));
    expect(codeOf(() => verifyProofOfPossession(weak))).toBe('weak-key');
    expect(codeOf(() => assertStrongKey(weak.publicKey, 'certify'))).toBe('weak-key');
    expect(codeOf(() => parseCertificationRequest(fixture('csr-sha1')))).toBe('weak-algorithm');
  });

  it('finds a request that was changed', () => {
    const der = fixture('csr-p256');
    const at = Buffer.from(der).indexOf('api.example.com');
    const changed = Uint8Array.from(der);
    changed[at] = 0x62;
    expect(verifyProofOfPossession(parseCertificationRequest(changed))).toBe(false);
    const other = parseCertificationRequest(fixture('csr-p256'));
    expect(verifyProofOfPossession({ ...other, publicKey: newTestKey().publicKey })).toBe(false);
  });

  it('bounds its input', () => {
    expect(codeOf(() => parseCertificationRequest(new Uint8Array(65_537)))).toBe('limit-exceeded');
    expect(codeOf(() => parseCertificationRequest(concatOctets([fixture('csr-p256'), fromHex('00')])))).toBe(
      'trailing-bytes',
    );
  });
});

describe('buildCertificationRequestInfo', () => {
  it('writes again what openssl wrote, octet for octet', () => {
    for (const name of ['csr-p256', 'csr-p384-sha256', 'csr-ed25519']) {
      const theirs = parseCertificationRequest(fixture(name));
      const info = buildCertificationRequestInfo({
        subject: theirs.subject,
        spki: theirs.spki,
        extensions: theirs.requestedExtensions,
      });
      expect(toHex(info)).toBe(toHex(theirs.requestInfo));
      const { signatureAlgorithm, signature } = theirs;
      expect(toHex(assembleCertificationRequest({ tbs: info, signatureAlgorithm, signature }))).toBe(toHex(theirs.der));
    }
  });

  it('makes requests that prove possession', () => {
    const key = newTestKey();
    const extensions = [subjectAltNameExtension({ names: [{ kind: 'dns', value: 'a.example' }], critical: false })];
    const info = buildCertificationRequestInfo({ subject: buildName([]), spki: key.publicKey.der, extensions });
    const request = parseCertificationRequest(
      assembleCertificationRequest({ tbs: info, signatureAlgorithm: 'ecdsa-sha256', signature: signWith(key, info) }),
    );
    expect(verifyProofOfPossession(request)).toBe(true);
    expect(request.requestedExtensions).toHaveLength(1);
  });
});

describe('the attributes of a request', () => {
  const key = newTestKey();
  const subject = buildName([]);

  /** A request with the given content of [0]. */
  function withAttributes(content: string): Uint8Array {
    const plain = buildCertificationRequestInfo({ subject, spki: key.publicKey.der, extensions: [] });
    const body = `${toHex(plain).slice(4, -4)}a0${length(content)}${content}`;
    return assembleCertificationRequest({
      tbs: fromHex(`30${length(body)}${body}`),
      signatureAlgorithm: 'ecdsa-sha256',
      signature: new Uint8Array(1),
    });
  }
  function length(content: string): string {
    const octets = content.length / 2;
    return octets < 128 ? octets.toString(16).padStart(2, '0') : `81${octets.toString(16)}`;
  }
  const challenge = '301306092a864886f70d01090731060c0470617373';
  const requested = '302006092a864886f70d01090e3113301130 0f0603551d110408300682046 1 2e 6263'.replaceAll(' ', '');

  it('are kept, known or not', () => {
    const request = parseCertificationRequest(withAttributes(challenge));
    expect(request.attributes.map(({ type, values }) => [type, values.length])).toEqual([[OID.challengePassword, 1]]);
    expect(parseCertificationRequest(withAttributes(challenge + requested)).requestedExtensions).toHaveLength(1);
  });

  it.each([
    ['out of order', requested + challenge, 'unordered-set'],
    ['one type twice', challenge + challenge, 'invalid-structure'],
    ['a type without a value', '300d06092a864886f70d0109073100', 'invalid-structure'],
    ['an empty extension request', '300f06092a864886f70d01090e31023000', 'invalid-structure'],
    [
      'two extension requests in one',
      requested.replace('3020', '3033').replace('3113', '3126') + requested.slice(30),
      'trailing-bytes',
    ],
  ])('are refused: %s', (_name, content, code) => {
    expect(codeOf(() => parseCertificationRequest(withAttributes(content)))).toBe(code);
  });
});
