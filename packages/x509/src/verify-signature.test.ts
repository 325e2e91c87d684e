import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readFixture, readTestFile } from '../test/fixture.ts';
import { newTestKey, signWith } from '../test/test-authority.ts';
import { codeOf } from '../test/x509-failure.ts';
import { parseCertificate, verifyCertificateSignature } from './certificate.ts';
import { encodeDer } from './der-writer.ts';
import { fromHex } from './octets.ts';
import { parsePublicKey } from './public-key.ts';
import type { SignatureAlgorithm } from './signature-algorithm.ts';
import { assertSigningAlgorithm, signingAlgorithmFor, verifySignature } from './verify-signature.ts';
import { X509Error } from './x509-error.ts';

/** The part of a Wycheproof file that is used here. */
interface WycheproofFile {
  readonly numberOfTests: number;
  readonly testGroups: readonly {
    readonly publicKeyDer?: string;
    readonly publicKey?: unknown;
    readonly tests: readonly {
      readonly tcId: number;
      readonly comment: string;
      readonly ctx?: string;
      readonly msg: string;
      readonly sig: string;
      readonly result: 'valid' | 'invalid' | 'acceptable';
    }[];
  }[];
}

function readWycheproof(name: string): WycheproofFile {
  // The shape is the published schema's; a file of another one fails the counts below.
  return JSON.parse(readTestFile(`vectors/wycheproof/${name}_test.json`)) as WycheproofFile;
}

/** Octets of a raw ML-DSA-65 key as SubjectPublicKeyInfo, whatever their number. */
function mlDsaSpki(raw: Uint8Array): Uint8Array {
  return encodeDer((writer) => {
    writer.bitString(raw);
    const end = writer.mark();
    writer.oid('2.16.840.1.101.3.4.3.18');
    writer.close(0x30, end);
    writer.close(0x30, 0);
  });
}

function holds(
  group: WycheproofFile['testGroups'][number],
  test: { msg: string; sig: string },
  algorithm: SignatureAlgorithm,
): boolean {
  try {
    const publicKey =
      algorithm === 'ml-dsa-65' ? mlDsaSpki(fromHex(String(group.publicKey))) : fromHex(group.publicKeyDer ?? '');
    return verifySignature({ publicKey, algorithm, data: fromHex(test.msg), signature: fromHex(test.sig) });
  } catch (error) {
    if (error instanceof X509Error && error.code !== 'unsupported-algorithm') return false;
    throw error;
  }
}

describe('verifySignature on Wycheproof', () => {
  it.each<[string, SignatureAlgorithm, number]>([
    ['ecdsa_secp256r1_sha256', 'ecdsa-sha256', 484],
    ['ecdsa_secp384r1_sha384', 'ecdsa-sha384', 504],
    ['ed25519', 'ed25519', 151],
    ['rsa_signature_2048_sha256', 'rsa-sha256', 259],
    ['rsa_signature_3072_sha256', 'rsa-sha256', 259],
    ['rsa_signature_4096_sha256', 'rsa-sha256', 258],
    ['rsa_signature_4096_sha512', 'rsa-sha512', 259],
    ['rsa_pss_2048_sha256_mgf1_32', 'rsa-pss-sha256', 108],
    ['mldsa_65_verify', 'ml-dsa-65', 210],
  ])('%s', (name, algorithm, count) => {
    const file = readWycheproof(name);
    const wrong: string[] = [];
    let run = 0;
    for (const group of file.testGroups) {
      for (const test of group.tests) {
        run++;
        // Certificates sign without a context (RFC 9881 section 3), so a signature made with one must not hold here.
        const expected = test.ctx ? 'invalid' : test.result;
        const actual = holds(group, test, algorithm);
        if (expected !== 'acceptable' && actual !== (expected === 'valid'))
          wrong.push(`${test.tcId} ${test.comment}: ${actual}`);
      }
    }
    expect(wrong).toEqual([]);
    expect([run, file.numberOfTests]).toEqual([count, count]);
  });
});

describe('verifySignature', () => {
  it.each([
    ['rsa-sha256', 'rsa-sha256'],
    ['rsa-sha512', 'rsa-sha512'],
    ['rsa-pss-sha256', 'rsa-pss-sha256'],
    ['rsa-pss-sha384', 'rsa-pss-sha384'],
    ['ed25519', 'ed25519'],
    ['root', 'ecdsa-sha384'],
  ])('checks the self-signature of %s by openssl', (name, algorithm) => {
    const certificate = parseCertificate(readFixture(name));
    expect(certificate.signatureAlgorithm).toBe(algorithm);
    expect(verifyCertificateSignature(certificate, certificate.publicKey)).toBe(true);
    const changed = Uint8Array.from(certificate.der);
    const at = changed.length - 9;
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(verifyCertificateSignature(parseCertificate(changed), certificate.publicKey)).toBe(false);
  });

  it.each(['ml-dsa-44', 'ml-dsa-65', 'ml-dsa-87'] as const)('reads %s keys of the runtime', (kind) => {
    const pair = generateKeyPairSync(kind);
    const key = parsePublicKey(new Uint8Array(pair.publicKey.export({ type: 'spki', format: 'der' })));
    expect([key.details.kind, signingAlgorithmFor(key)]).toEqual([kind, kind]);
    const data = new Uint8Array(100);
    const signature = new Uint8Array(sign(null, data, pair.privateKey));
    expect(verifySignature({ publicKey: key, algorithm: kind, data, signature })).toBe(true);
    expect(verifySignature({ publicKey: key, algorithm: kind, data: data.subarray(1), signature })).toBe(false);
  });

  it('refuses SHA-1 and unsupported keys', () => {
    expect(codeOf(() => parseCertificate(readFixture('rsa-sha1')).signatureAlgorithm)).toBe('weak-algorithm');
    const p521 = parseCertificate(readFixture('p521'));
    expect(p521.publicKey.details.kind).toBe('unknown');
    expect(codeOf(() => verifyCertificateSignature(p521, p521.publicKey))).toBe('unsupported-algorithm');
  });

  it('does not let a signature hold under another algorithm than the key’s', () => {
    const key = newTestKey();
    const data = new Uint8Array(10);
    const signature = signWith(key, data);
    expect(verifySignature({ publicKey: key.publicKey, algorithm: 'ecdsa-sha256', data, signature })).toBe(true);
    for (const algorithm of ['ecdsa-sha384', 'rsa-sha256', 'rsa-pss-sha256', 'ed25519', 'ml-dsa-44'] as const) {
      expect(verifySignature({ publicKey: key.publicKey, algorithm, data, signature })).toBe(false);
    }
    expect(
      verifySignature({ publicKey: key.publicKey, algorithm: 'ecdsa-sha256', data, signature: new Uint8Array(9000) }),
    ).toBe(false);
  });

  it('names the algorithm to sign with', () => {
    const p256 = newTestKey().publicKey;
    expect(signingAlgorithmFor(p256)).toBe('ecdsa-sha256');
    expect(signingAlgorithmFor(parseCertificate(readFixture('root')).publicKey)).toBe('ecdsa-sha384');
    expect(signingAlgorithmFor(parseCertificate(readFixture('rsa-sha256')).publicKey)).toBe('rsa-sha256');
    expect(() => assertSigningAlgorithm(p256, 'ecdsa-sha256')).not.toThrow();
    expect(codeOf(() => assertSigningAlgorithm(p256, 'ecdsa-sha384'))).toBe('unsupported-algorithm');
    expect(codeOf(() => assertSigningAlgorithm(p256, 'ed25519'))).toBe('unsupported-algorithm');
  });
});
