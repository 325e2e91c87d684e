import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readFixture } from '../test/fixture.ts';
import { newTestKey } from '../test/test-authority.ts';
import { codeOf } from '../test/x509-failure.ts';
import { parseCertificate } from './certificate.ts';
import { encodeDer } from './der-writer.ts';
import { fromHex, toHex } from './octets.ts';
import { OID } from './oid.ts';
import { assertStrongKey, parsePublicKey } from './public-key.ts';
import { serialFromHex, serialFromRandom, serialOctetsToHex, serialToHex } from './serial-number.ts';
import { encodeSignatureAlgorithm, parseSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts';

/** A SubjectPublicKeyInfo of any parts. */
function spki(algorithm: string, parameters: string, key: Uint8Array): Uint8Array {
  return encodeDer((writer) => {
    writer.bitString(key);
    const end = writer.mark();
    writer.raw(fromHex(parameters));
    writer.oid(algorithm);
    writer.close(0x30, end);
    writer.close(0x30, 0);
  });
}

function rsaKey(modulus: bigint, exponent: bigint): Uint8Array {
  return encodeDer((writer) => {
    writer.integer(exponent);
    writer.integer(modulus);
    writer.close(0x30, 0);
  });
}

const MODULUS = (1n << 2047n) + 1n;

describe('parsePublicKey', () => {
  it('agrees with node:crypto', () => {
    for (const name of ['leaf', 'root', 'rsa-sha256', 'ed25519']) {
      const { spki: der } = parseCertificate(readFixture(name));
      const theirs = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
      const { details } = parsePublicKey(der);
      expect(details.kind).toBe(theirs.asymmetricKeyType);
      if (details.kind === 'rsa') {
        expect([details.modulusBits, details.exponent]).toEqual([
          theirs.asymmetricKeyDetails?.modulusLength,
          theirs.asymmetricKeyDetails?.publicExponent,
        ]);
      }
      if (details.kind === 'ec')
        expect(details.curve).toBe(
          { prime256v1: 'P-256', secp384r1: 'P-384' }[theirs.asymmetricKeyDetails?.namedCurve ?? ''],
        );
    }
  });

  it('makes the key identifier that openssl makes', () => {
    for (const name of ['leaf', 'root', 'rsa-sha256', 'ed25519']) {
      const certificate = parseCertificate(readFixture(name));
      expect(toHex(certificate.publicKey.keyId())).toBe(toHex(certificate.subjectKeyIdentifier ?? new Uint8Array()));
      expect(certificate.publicKey.fingerprint()).toHaveLength(32);
    }
  });

  it.each([
    ['no digest', {}, 'rsa-pss', undefined],
    ['SHA-384', { hashAlgorithm: 'sha384', mgf1HashAlgorithm: 'sha384' }, 'rsa-pss', 'rsa-pss-sha384'],
    ['two digests', { hashAlgorithm: 'sha256', mgf1HashAlgorithm: 'sha384' }, 'unknown', undefined],
  ])('reads RSA keys that are bound to PSS and %s', (_name, parameters, kind, algorithm) => {
    const { publicKey } = generateKeyPairSync('rsa-pss', {
      modulusLength: 2048,
      ...parameters,
      publicKeyEncoding: { type: 'spki', format: 'der' },
      privateKeyEncoding: { type: 'pkcs8', format: 'der' },
    });
    const { details } = parsePublicKey(new Uint8Array(publicKey));
    expect(details.kind).toBe(kind);
    if (details.kind === 'rsa-pss') expect(details.algorithm).toBe(algorithm);
  });

  it.each<[string, Uint8Array, string]>([
    ['RSA without NULL', spki(OID.rsaEncryption, '', rsaKey(MODULUS, 65_537n)), 'truncated'],
    ['RSA with other parameters', spki(OID.rsaEncryption, '3000', rsaKey(MODULUS, 65_537n)), 'unexpected-tag'],
    ['an even modulus', spki(OID.rsaEncryption, '0500', rsaKey(MODULUS + 1n, 65_537n)), 'invalid-key'],
    ['a negative modulus', spki(OID.rsaEncryption, '0500', rsaKey(-MODULUS, 65_537n)), 'invalid-key'],
    ['modulus 0', spki(OID.rsaEncryption, '0500', rsaKey(0n, 65_537n)), 'invalid-key'],
    ['exponent 1', spki(OID.rsaEncryption, '0500', rsaKey(MODULUS, 1n)), 'invalid-key'],
    ['an even exponent', spki(OID.rsaEncryption, '0500', rsaKey(MODULUS, 65_536n)), 'invalid-key'],
    ['a negative exponent', spki(OID.rsaEncryption, '0500', rsaKey(MODULUS, -3n)), 'invalid-key'],
    ['an exponent over 2^256', spki(OID.rsaEncryption, '0500', rsaKey(MODULUS, (1n << 264n) + 1n)), 'invalid-key'],
    [
      'a compressed point',
      spki(OID.ecPublicKey, '06082a8648ce3d030107', fromHex(`02${'11'.repeat(32)}`)),
      'invalid-key',
    ],
    [
      'a point of another curve',
      spki(OID.ecPublicKey, '06082a8648ce3d030107', fromHex(`04${'11'.repeat(96)}`)),
      'invalid-key',
    ],
    ['Ed25519 with parameters', spki(OID.ed25519, '0500', new Uint8Array(32)), 'trailing-bytes'],
    ['Ed25519 of 31 octets', spki(OID.ed25519, '', new Uint8Array(31)), 'invalid-key'],
    ['ML-DSA-44 of another size', spki(OID.mlDsa44, '', new Uint8Array(1952)), 'invalid-key'],
  ])('refuses %s', (_name, der, code) => {
    expect(codeOf(() => parsePublicKey(der))).toBe(code);
  });

  it('keeps a point off its curve from use', () => {
    const key = parsePublicKey(spki(OID.ecPublicKey, '06082a8648ce3d030107', fromHex(`04${'11'.repeat(64)}`)));
    expect(codeOf(() => key.keyObject())).toBe('invalid-key');
  });

  it('takes other algorithms and curves as unknown', () => {
    expect(parsePublicKey(spki('1.2.840.10040.4.1', '3000', new Uint8Array(3))).details.kind).toBe('unknown');
    expect(parsePublicKey(spki(OID.ecPublicKey, '06052b8104000a', new Uint8Array(65))).details.kind).toBe('unknown');
    expect(parsePublicKey(spki(OID.ecPublicKey, '3000', new Uint8Array(65))).details.kind).toBe('unknown');
  });
});

describe('assertStrongKey', () => {
  const rsa = (bits: number, exponent = 65_537n): Uint8Array =>
    spki(OID.rsaEncryption, '0500', rsaKey((1n << BigInt(bits - 1)) + 1n, exponent));
  it.each([
    [2047, 'verify', 'weak-key'],
    [2048, 'verify', undefined],
    [8192, 'verify', undefined],
    [8193, 'verify', 'weak-key'],
    [4096, 'sign', undefined],
    [4097, 'sign', 'weak-key'],
    [4097, 'certify', 'weak-key'],
    [2048, 'certify', undefined],
  ] as const)('judges RSA of %d bits to %s', (bits, role, code) => {
    const key = parsePublicKey(rsa(bits));
    expect(key.details).toMatchObject({ modulusBits: bits });
    if (code === undefined) expect(() => assertStrongKey(key, role)).not.toThrow();
    else expect(codeOf(() => assertStrongKey(key, role))).toBe(code);
  });

  it('asks our own keys and those of subjects for a decent exponent', () => {
    expect(() => assertStrongKey(parsePublicKey(rsa(2048, 3n)), 'verify')).not.toThrow();
    expect(codeOf(() => assertStrongKey(parsePublicKey(rsa(2048, 3n)), 'certify'))).toBe('weak-key');
  });

  it('takes elliptic curve keys and refuses unknown ones', () => {
    expect(() => assertStrongKey(newTestKey().publicKey, 'sign')).not.toThrow();
    expect(codeOf(() => assertStrongKey(parsePublicKey(spki('1.2.3', '', new Uint8Array(1))), 'verify'))).toBe(
      'unsupported-algorithm',
    );
  });
});

describe('signature algorithms', () => {
  it.each<[SignatureAlgorithm, string]>([
    // RFC 5758 section 3.2, RFC 4055 section 5, RFC 8410 section 3, RFC 9881 section 2.
    ['ecdsa-sha256', '300a06082a8648ce3d040302'],
    ['ecdsa-sha384', '300a06082a8648ce3d040303'],
    ['rsa-sha256', '300d06092a864886f70d01010b0500'],
    ['rsa-sha384', '300d06092a864886f70d01010c0500'],
    ['rsa-sha512', '300d06092a864886f70d01010d0500'],
    ['ed25519', '300506032b6570'],
    ['ml-dsa-44', '300b0609608648016503040311'],
    ['ml-dsa-65', '300b0609608648016503040312'],
    ['ml-dsa-87', '300b0609608648016503040313'],
    // As openssl writes it, and the Baseline Requirements section 7.1.3.2.1 list it.
    [
      'rsa-pss-sha256',
      '304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120',
    ],
  ])('%s has one encoding', (algorithm, hex) => {
    expect(toHex(encodeSignatureAlgorithm(algorithm))).toBe(hex);
    expect(parseSignatureAlgorithm(fromHex(hex))).toBe(algorithm);
  });

  it('reads PSS without NULL in its digests (RFC 4055 section 2.1)', () => {
    const bare =
      '303d06092a864886f70d01010a3030a00d300b0609608648016503040201a11a301806092a864886f70d010108300b0609608648016503040201a203020120';
    expect(parseSignatureAlgorithm(fromHex(bare))).toBe('rsa-pss-sha256');
  });

  it.each([
    ['RSA without NULL', '300b06092a864886f70d01010b', 'unsupported-algorithm'],
    ['ECDSA with NULL', '300c06082a8648ce3d0403020500', 'unsupported-algorithm'],
    ['Ed25519 with NULL', '300706032b65700500', 'unsupported-algorithm'],
    ['PSS with defaults, which are SHA-1', '300d06092a864886f70d01010a3000', 'unsupported-algorithm'],
    [
      'PSS with another salt',
      '304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500a203020114',
      'unsupported-algorithm',
    ],
    ['MD5 with RSA', '300d06092a864886f70d0101040500', 'weak-algorithm'],
    ['SHA-1 with RSA', '300d06092a864886f70d0101050500', 'weak-algorithm'],
    ['SHA-1 with ECDSA', '300906072a8648ce3d0401', 'weak-algorithm'],
    ['no algorithm at all', '3000', 'truncated'],
    ['something unknown', '300406022a03', 'unsupported-algorithm'],
  ])('refuse %s', (_name, hex, code) => {
    expect(codeOf(() => parseSignatureAlgorithm(fromHex(hex)))).toBe(code);
  });
});

describe('serial numbers', () => {
  it('have 159 random bits and are positive', () => {
    expect(serialFromRandom(new Uint8Array(20).fill(0xff))).toBe((1n << 159n) - 1n);
    expect(serialFromRandom(fromHex(`80${'00'.repeat(18)}01`))).toBe(1n);
    expect(codeOf(() => serialFromRandom(new Uint8Array(20)))).toBe('invalid-argument');
    expect(codeOf(() => serialFromRandom(fromHex(`80${'00'.repeat(19)}`)))).toBe('invalid-argument');
    expect(codeOf(() => serialFromRandom(new Uint8Array(19)))).toBe('invalid-argument');
  });

  it('go to and from lower-case hexadecimal', () => {
    for (const [serial, text] of [
      [0n, '00'],
      [1n, '01'],
      [255n, 'ff'],
      [256n, '0100'],
      [(1n << 159n) - 1n, `7f${'ff'.repeat(19)}`],
    ] as const) {
      expect(serialToHex(serial)).toBe(text);
      expect(serialFromHex(text)).toBe(serial);
    }
    for (const text of ['', '1', 'FF', '0001', 'zz', '01'.repeat(21), ' 01'])
      expect(codeOf(() => serialFromHex(text))).toBe('invalid-argument');
    expect(codeOf(() => serialToHex(-1n))).toBe('invalid-argument');
    expect(serialOctetsToHex(fromHex('00ff'))).toBe('ff');
    expect(serialOctetsToHex(fromHex('00'))).toBe('00');
  });
});
