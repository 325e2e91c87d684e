import { type KeyObject, sign } from 'node:crypto';
import { inspect } from 'node:util';
import type { OpenedKey } from '../../application/ports/key-backend.ts';
import type { KeyAlgorithm } from '../../domain/key-algorithm.ts';
import type { WorkGate } from './work-gate.ts';

interface SigningWay {
  readonly digest: 'sha256' | 'sha384' | null;
  /**
   * Whether the signature is made at once, on the event loop. Measured with Node 26 on one core: P-256 22 µs and Ed25519
   * 30 µs at once, and through the thread pool they would stand in line behind RSA; P-384 takes 580 µs, RSA 240 µs to
   * 6 ms, which would hold up everything else.
   */
  readonly atOnce: boolean;
}

const WAYS: Readonly<Record<KeyAlgorithm, SigningWay>> = {
  'ec-p256': { digest: 'sha256', atOnce: true },
  'ec-p384': { digest: 'sha384', atOnce: false },
  'rsa-2048': { digest: 'sha256', atOnce: false },
  'rsa-3072': { digest: 'sha256', atOnce: false },
  'rsa-4096': { digest: 'sha256', atOnce: false },
  ed25519: { digest: null, atOnce: true },
};

/** Options of {@link SoftwareOpenedKey}. */
export interface SoftwareOpenedKeyOptions {
  readonly key: KeyObject;
  readonly algorithm: KeyAlgorithm;
  /** Where the signatures of slow algorithms wait. */
  readonly gate: WorkGate;
}

/** A private key in memory. It shows nothing of itself; OpenSSL wipes the key when the last reference is collected. */
export class SoftwareOpenedKey implements OpenedKey {
  readonly #key: KeyObject;
  readonly #way: SigningWay;
  readonly #gate: WorkGate;

  constructor({ key, algorithm, gate }: SoftwareOpenedKeyOptions) {
    this.#key = key;
    this.#way = WAYS[algorithm];
    this.#gate = gate;
  }

  async sign(data: Uint8Array): Promise<Uint8Array> {
    // node:crypto's own defaults are the ones wanted: DER for ECDSA, PKCS#1 v1.5 for RSA.
    if (this.#way.atOnce) return new Uint8Array(sign(this.#way.digest, data, this.#key));
    return this.#gate.run(() => this.#signOnPool(data));
  }

  toJSON(): string {
    return '***';
  }

  [inspect.custom](): string {
    return 'SoftwareOpenedKey ***';
  }

  #signOnPool(data: Uint8Array): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    sign(this.#way.digest, data, this.#key, (error, signature) => {
      if (error === null) resolve(new Uint8Array(signature));
      else reject(error);
    });
    return promise;
  }
}
