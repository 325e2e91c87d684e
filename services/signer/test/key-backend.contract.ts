import { inspect } from 'node:util';
import { type PublicKeyDetails, parsePublicKey, verifySignature } from '@cert-tasks/x509';
import { describe, expect, test } from 'vitest';
import type { KeyBackend, KeyIdentity, SealedKey } from '../src/application/ports/key-backend.ts';
import { KEY_ALGORITHMS, type KeyAlgorithm, signatureAlgorithmOf } from '../src/domain/key-algorithm.ts';

const DETAILS: Readonly<Record<KeyAlgorithm, Partial<PublicKeyDetails>>> = {
  'ec-p256': { kind: 'ec', curve: 'P-256' },
  'ec-p384': { kind: 'ec', curve: 'P-384' },
  'rsa-2048': { kind: 'rsa', modulusBits: 2_048, exponent: 65_537n },
  'rsa-3072': { kind: 'rsa', modulusBits: 3_072, exponent: 65_537n },
  'rsa-4096': { kind: 'rsa', modulusBits: 4_096, exponent: 65_537n },
  ed25519: { kind: 'ed25519' },
};

const DATA = new TextEncoder().encode('to be signed');

function identity(changes: Partial<KeyIdentity> = {}): KeyIdentity {
  return {
    keyId: '0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6',
    version: 1,
    purpose: 'certificate-authority',
    algorithm: 'ec-p256',
    policy: new Uint8Array(32).fill(7),
    ...changes,
  };
}

async function made(backend: KeyBackend, who: KeyIdentity): Promise<SealedKey> {
  const { publicKey, material } = await backend.generate(who);
  return { identity: who, publicKey, material };
}

/**
 * What every backend must do. `create` makes one; `createOther` makes one that has not the keys of the first.
 */
export function describeKeyBackend(backends: {
  readonly name: string;
  readonly create: () => KeyBackend;
  readonly createOther: () => KeyBackend;
}): void {
  describe(`KeyBackend: ${backends.name}`, () => {
    test.each(KEY_ALGORITHMS)('%s: makes a key of its kind that signs under its public key', async (algorithm) => {
      const backend = backends.create();
      const sealed = await made(backend, identity({ algorithm }));
      const publicKey = parsePublicKey(sealed.publicKey);
      expect(publicKey.details).toMatchObject(DETAILS[algorithm]);
      const opened = await backend.open(sealed);
      for (const data of [DATA, new Uint8Array(), new Uint8Array(200_000)]) {
        const signature = await opened.sign(data);
        const checked = { publicKey, algorithm: signatureAlgorithmOf(algorithm), data, signature };
        expect(verifySignature(checked)).toBe(true);
        expect(verifySignature({ ...checked, data: new Uint8Array([...data, 1]) })).toBe(false);
      }
    });

    test('two keys of one identity are two keys', async () => {
      const backend = backends.create();
      const [a, b] = [await made(backend, identity()), await made(backend, identity())];
      expect(a.publicKey).not.toEqual(b.publicKey);
      expect(a.material.sealed).not.toEqual(b.material.sealed);
    });

    test('opens for exactly the identity that it was made for', async () => {
      const backend = backends.create();
      const sealed = await made(backend, identity());
      const others: Partial<KeyIdentity>[] = [
        { keyId: '0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f7' },
        { version: 2 },
        { purpose: 'log-checkpoint' },
        { algorithm: 'ec-p384' },
        { policy: new Uint8Array(32).fill(8) },
      ];
      for (const other of others) {
        await expect(backend.open({ ...sealed, identity: identity(other) })).rejects.toMatchObject({
          code: 'sealed-key-corrupt',
        });
      }
      await expect(backend.open(sealed)).resolves.toBeDefined();
    });

    test('opens neither with the public key nor with the parts of another key', async () => {
      const backend = backends.create();
      const [a, b] = [await made(backend, identity()), await made(backend, identity())];
      const swapped: SealedKey[] = [
        { ...a, publicKey: b.publicKey },
        { ...a, material: { ...a.material, sealed: b.material.sealed } },
        { ...a, material: { ...a.material, wrappedDataKey: b.material.wrappedDataKey } },
        { ...a, material: b.material },
      ];
      for (const one of swapped) {
        await expect(backend.open(one)).rejects.toMatchObject({ code: 'sealed-key-corrupt' });
      }
    });

    test('no bit of the material may change', async () => {
      const backend = backends.create();
      const whole = await made(backend, identity());
      for (const part of ['sealed', 'wrappedDataKey'] as const) {
        for (let at = 0; at < whole.material[part].length; at++) {
          const changed = whole.material[part].slice();
          changed[at] = (changed[at] ?? 0) ^ 0x40;
          const material = { ...whole.material, [part]: changed };
          await expect(backend.open({ ...whole, material })).rejects.toMatchObject({ code: 'sealed-key-corrupt' });
        }
      }
    });

    test('says which key-encryption key it lacks', async () => {
      const sealed = await made(backends.create(), identity());
      const other = backends.createOther();
      expect(backends.create().hasKeyEncryptionKey(sealed.material.kekId)).toBe(true);
      expect(other.hasKeyEncryptionKey(sealed.material.kekId)).toBe(false);
      await expect(other.open(sealed)).rejects.toMatchObject({
        code: 'key-encryption-key-missing',
        metadata: { kek_ids: sealed.material.kekId },
      });
    });

    test('an opened key shows nothing of itself', async () => {
      const backend = backends.create();
      const opened = await backend.open(await made(backend, identity()));
      expect(inspect(opened, { depth: 9, showHidden: true })).not.toMatch(/KeyObject|<Buffer/);
      expect(JSON.stringify({ opened })).toBe('{"opened":"***"}');
    });
  });
}
