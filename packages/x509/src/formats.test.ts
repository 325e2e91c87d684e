import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readFixture } from '../test/fixture.ts';
import { newIntermediate, newLeaf, newRoot } from '../test/test-authority.ts';
import { newCrl } from '../test/test-revocation.ts';
import { codeOf } from '../test/x509-failure.ts';
import { buildCertificateBundle, parseCertificateBundle } from './certificate-bundle.ts';
import { concatOctets, fromHex, toHex } from './octets.ts';
import { OID } from './oid.ts';
import { decodePem, encodePem } from './pem.ts';
import { buildPrivateKeyInfo, parsePrivateKeyInfo } from './private-key-info.ts';

const root = newRoot();
const leaf = newLeaf(root);
const crl = newCrl(root);
const set = (ders: readonly Uint8Array[]): string[] => ders.map(toHex).toSorted();

describe('certificate bundles', () => {
  it('hold certificates and CRLs', () => {
    const bundle = { certificates: [leaf.der, root.certificate.der], crls: [crl.der] };
    const parsed = parseCertificateBundle(buildCertificateBundle(bundle));
    expect(set(parsed.certificates)).toEqual(set(bundle.certificates));
    expect(parsed.crls).toEqual([crl.der]);
    expect(decodePem(encodePem('PKCS7', buildCertificateBundle(bundle)), 'PKCS7')).toEqual(
      buildCertificateBundle(bundle),
    );
  });

  it('of openssl are read', () => {
    const parsed = parseCertificateBundle(readFixture('bundle', 'PKCS7'));
    expect(set(parsed.certificates)).toEqual(set(['leaf', 'intermediate', 'root'].map((name) => readFixture(name))));
    expect(parsed.crls).toEqual([readFixture('crl-empty', 'X509 CRL')]);
  });

  it('do not pass for something else', () => {
    const der = buildCertificateBundle({ certificates: [leaf.der], crls: [] });
    const hex = toHex(der);
    expect(codeOf(() => buildCertificateBundle({ certificates: [], crls: [] }))).toBe('invalid-argument');
    expect(codeOf(() => parseCertificateBundle(concatOctets([der, fromHex('00')])))).toBe('trailing-bytes');
    expect(codeOf(() => parseCertificateBundle(fromHex(hex.replace('2a864886f70d010702', '2a864886f70d010703'))))).toBe(
      'invalid-structure',
    );
    expect(codeOf(() => parseCertificateBundle(fromHex(hex.replace(/^3082..../, '3080'))))).toBe('invalid-length');
    expect(codeOf(() => parseCertificateBundle(leaf.der))).toBe('unexpected-tag');
  });
});

describe('private keys', () => {
  const der = (key: { export(options: { type: 'pkcs8'; format: 'der' }): Buffer }): Uint8Array =>
    new Uint8Array(key.export({ type: 'pkcs8', format: 'der' }));

  it.each([
    ['P-256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }), OID.ecPublicKey],
    ['P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' }), OID.ecPublicKey],
    ['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2048 }), OID.rsaEncryption],
    ['Ed25519', () => generateKeyPairSync('ed25519'), OID.ed25519],
  ] as const)('of node:crypto are taken apart and put together: %s', (_name, generate, algorithm) => {
    const original = der(generate().privateKey);
    const info = parsePrivateKeyInfo(original);
    expect(info).toMatchObject({ version: 1, algorithm, publicKey: undefined });
    const built = buildPrivateKeyInfo({ algorithmDer: info.algorithmDer, privateKey: info.privateKey });
    expect(built).toEqual(original);
    expect(der(createPrivateKey({ key: Buffer.from(built), format: 'der', type: 'pkcs8' }))).toEqual(original);
  });

  it('may bring the public key along', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const info = parsePrivateKeyInfo(der(privateKey));
    const built = buildPrivateKeyInfo({ ...info, publicKey: new Uint8Array(32).fill(5) });
    expect(parsePrivateKeyInfo(built)).toMatchObject({ version: 2, publicKey: new Uint8Array(32).fill(5) });
  });

  it('of a wrong form are refused without telling what they hold', () => {
    const original = der(generateKeyPairSync('ed25519').privateKey);
    const { algorithmDer, privateKey } = parsePrivateKeyInfo(original);
    const short = buildPrivateKeyInfo({
      algorithmDer,
      privateKey: concatOctets([fromHex('041f'), privateKey.subarray(3)]),
    });
    expect(codeOf(() => parsePrivateKeyInfo(short))).toBe('invalid-key');
    const secret = toHex(privateKey.subarray(3, 20));
    try {
      parsePrivateKeyInfo(short);
    } catch (error) {
      expect(String(error)).not.toContain(secret);
    }
    expect(codeOf(() => parsePrivateKeyInfo(concatOctets([original, fromHex('00')])))).toBe('trailing-bytes');
    expect(codeOf(() => parsePrivateKeyInfo(newIntermediate(root).certificate.der))).toBe('unexpected-tag');
  });
});
