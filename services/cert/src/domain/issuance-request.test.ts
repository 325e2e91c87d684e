import { generateKeyPairSync } from 'node:crypto';
import type { GeneralName } from '@cert-tasks/x509';
import { describe, expect, it } from 'vitest';
import { type SampleKey, sampleKey, sampleRequest } from '../testing/sample-request.ts';
import { CertError, type CertErrorCode } from './errors.ts';
import { findProfile, type IssuanceProfile } from './issuance-profile.ts';
import { checkIssuanceRequest } from './issuance-request.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

function check(csr: Uint8Array, changes: { profile?: Partial<IssuanceProfile>; lifetimeMs?: number } = {}) {
  const profile = { ...findProfile(''), ...changes.profile };
  return checkIssuanceRequest({ csr, profile, lifetimeMs: changes.lifetimeMs, field: 'csr_der' });
}

function refusal(csr: Uint8Array, changes: Parameters<typeof check>[1] = {}): CertError {
  try {
    check(csr, changes);
  } catch (error) {
    if (error instanceof CertError) return error;
    throw error;
  }
  throw new Error('It was not refused.');
}

function expectRefusal(csr: Uint8Array, code: CertErrorCode, message: RegExp): void {
  const error = refusal(csr);
  expect(error).toMatchObject({ code, field: 'csr_der' });
  expect(error.message).toMatch(message);
  // Whatever a request holds, a message is one printable line of bounded length.
  expect(error.message).toMatch(/^[\x20-\x7e]{1,600}$/);
}

function rsa(modulusLength: number, publicExponent = 65_537): SampleKey {
  return generateKeyPairSync('rsa', { modulusLength, publicExponent });
}

const dns = (value: string): GeneralName => ({ kind: 'dns', value });

describe('checkIssuanceRequest', () => {
  it('takes the key, the names in lower case and once, and the default lifetime', () => {
    const key = sampleKey();
    const names = [dns('A.example'), dns('a.EXAMPLE'), dns('*.b.example'), { kind: 'ip', value: '192.0.2.7' } as const];
    const request = check(sampleRequest({ key, names, commonName: 'A.example' }));
    expect(request.names).toEqual({
      dnsNames: ['a.example', '*.b.example'],
      ipAddresses: ['192.0.2.7'],
      uris: [],
      emailAddresses: [],
    });
    expect(request.lifetimeMs).toBe(90 * DAY_MS);
    expect(Buffer.from(request.publicKey.der)).toEqual(key.publicKey.export({ type: 'spki', format: 'der' }));
  });

  it('takes RSA of 2048 bits and Ed25519', () => {
    expect(check(sampleRequest({ key: rsa(2048) })).publicKey.details.kind).toBe('rsa');
    expect(check(sampleRequest({ key: generateKeyPairSync('ed25519') })).publicKey.details.kind).toBe('ed25519');
  });

  it('takes an international name as its A-label', () => {
    expect(check(sampleRequest({ dnsNames: ['xn--bcher-kva.example'] })).names.dnsNames).toEqual([
      'xn--bcher-kva.example',
    ]);
  });

  it('refuses a request that another key has signed', () => {
    expectRefusal(sampleRequest({ signer: sampleKey() }), 'csr-signature-invalid', /does not match/);
  });

  it('refuses a request whose signed part was changed', () => {
    const csr = sampleRequest({ dnsNames: ['good.example'] });
    const text = Buffer.from(csr);
    text.write('evil', text.indexOf('good'));
    expectRefusal(new Uint8Array(text), 'csr-signature-invalid', /does not match/);
  });

  it('refuses weak and foreign keys', () => {
    expectRefusal(sampleRequest({ key: rsa(1024) }), 'key-not-allowed', /1024 bits/);
    expectRefusal(sampleRequest({ key: rsa(2048, 3) }), 'key-not-allowed', /exponent/);
    const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' });
    expectRefusal(sampleRequest({ key: p521 }), 'key-not-allowed', /not supported/);
  });

  it('refuses kinds of keys and names that the profile leaves out', () => {
    const onlyRsa = refusal(sampleRequest(), { profile: { keyKinds: new Set(['rsa']) } });
    expect(onlyRsa).toMatchObject({ code: 'key-not-allowed', field: 'csr_der' });
    expectRefusal(
      sampleRequest({ names: [{ kind: 'email', value: 'a@b.example' }] }),
      'name-not-allowed',
      /kind email/,
    );
    expectRefusal(
      sampleRequest({ names: [{ kind: 'uri', value: 'https://a.example/' }] }),
      'name-not-allowed',
      /kind uri/,
    );
  });

  it('refuses wildcards in every form but the whole leftmost label, and all of them where none is allowed', () => {
    for (const name of [
      '*',
      '*.example',
      'a.*.example',
      '*a.b.example',
      'a*.b.example',
      '*.*.b.example',
      'b.example.*',
    ]) {
      const csr = withRawDnsName(name);
      expect(refusal(csr).code, name).toMatch(/^(name-not-allowed|csr-malformed)$/);
    }
    const none = refusal(sampleRequest({ dnsNames: ['*.a.example'] }), { profile: { allowWildcards: false } });
    expect(none).toMatchObject({ code: 'name-not-allowed' });
    expect(none.message).toMatch(/wildcard/);
  });

  it('refuses names that are none, and letters that look like others', () => {
    for (const name of [
      'a..example',
      '-a.example',
      'a-.example',
      'a_b.example',
      'a b.example',
      '10.0.0.1',
      'a.example.',
      '',
      `${'a'.repeat(64)}.example`,
      'ab--c.example',
    ]) {
      const csr = withRawDnsName(name);
      expect(refusal(csr).code, name).toMatch(/^(name-not-allowed|csr-malformed)$/);
    }
    // Cyrillic а (U+0430) as the UTF-8 bytes that careless tools write into the IA5String.
    const { code, message } = refusal(withRawDnsName('p\u0430ypal.example'));
    expect(code).toMatch(/^(name-not-allowed|csr-malformed)$/);
    expect(message).toMatch(/^[\x20-\x7e]+$/);
  });

  it('refuses 101 names and 10,000, and takes 100', () => {
    const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `n${index}.example`);
    expect(check(sampleRequest({ dnsNames: names(100) })).names.dnsNames).toHaveLength(100);
    expectRefusal(sampleRequest({ dnsNames: names(101) }), 'name-not-allowed', /101 names/);
    expect(refusal(sampleRequest({ dnsNames: names(10_000) })).code).toBe('csr-malformed');
  });

  it('refuses a request without names, and a common name that is not among them', () => {
    expectRefusal(sampleRequest({ names: [] }), 'name-not-allowed', /no subject alternative name/);
    expectRefusal(
      sampleRequest({ names: [], commonName: 'a.example' }),
      'name-not-allowed',
      /no subject alternative name/,
    );
    expectRefusal(sampleRequest({ commonName: 'b.example' }), 'name-not-allowed', /common name "b.example"/);
    expectRefusal(sampleRequest({ commonName: '\u0430.example' }), 'name-not-allowed', /\\u\{430\}/);
  });

  it('refuses garbage, truncated, extended and oversized requests', () => {
    const csr = sampleRequest();
    for (const bytes of [
      new Uint8Array(),
      new Uint8Array(1_048_576),
      new Uint8Array(1_048_576).fill(0x30),
      new Uint8Array(65_536).fill(0xff),
      csr.subarray(0, -1),
      new Uint8Array([...csr, 0]),
    ]) {
      expect(refusal(bytes)).toMatchObject({ code: 'csr-malformed', field: 'csr_der' });
    }
  });

  it('takes every single-bit error for a malformed or unsigned request, never for another', () => {
    const csr = sampleRequest();
    for (let bit = 0; bit < csr.length * 8; bit += 7) {
      const changed = csr.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(refusal(changed)).toBeInstanceOf(CertError);
    }
  });

  it('bounds the lifetime by the profile', () => {
    expect(check(sampleRequest(), { lifetimeMs: 397 * DAY_MS }).lifetimeMs).toBe(397 * DAY_MS);
    expect(refusal(sampleRequest(), { lifetimeMs: 397 * DAY_MS + 1_000 })).toMatchObject({
      code: 'lifetime-not-allowed',
      field: 'lifetime',
    });
  });
});

/**
 * A properly signed request whose name no builder would write: it replaces an equally long one before the signature is
 * made.
 */
function withRawDnsName(name: string): Uint8Array {
  const octets = Buffer.from(name, 'utf8');
  if (octets.length === 0) return sampleRequest({ names: [], rawExtension: Buffer.from([0x30, 0x02, 0x82, 0x00]) });
  const content = Buffer.concat([Buffer.from([0x82, octets.length]), octets]);
  return sampleRequest({ names: [], rawExtension: Buffer.concat([Buffer.from([0x30, content.length]), content]) });
}
