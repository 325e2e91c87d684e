import { randomBytes, randomUUID } from 'node:crypto';
import { createKey } from '../application/create-key.ts';
import { LedgerWriter } from '../application/ledger-writer.ts';
import { OpenedKeys } from '../application/opened-keys.ts';
import type { KeyBackend } from '../application/ports/key-backend.ts';
import type { UnitOfWork } from '../application/ports/unit-of-work.ts';
import { type SignItem, type SignOutcome, signBatch } from '../application/sign-batch.ts';
import type { Key } from '../domain/key.ts';
import type { KeyAlgorithm } from '../domain/key-algorithm.ts';
import type { CertificateAuthorityPolicy, KeyPolicy } from '../domain/key-policy.ts';
import { sha256 } from '../infrastructure/node-sha256.ts';
import { LocalKeyWrapper } from '../infrastructure/software/local-key-wrapper.ts';
import { SecretBytes } from '../infrastructure/software/secret-bytes.ts';
import { SoftwareKeyBackend } from '../infrastructure/software/software-key-backend.ts';
import { sampleCall } from './sample-call.ts';
import { ISSUER_NAME, sampleCertificate } from './sample-tbs.ts';

/** The policy of an ordinary CA key of tests: server certificates of at most an hour. */
export const LEAF_POLICY: CertificateAuthorityPolicy = {
  purpose: 'certificate-authority',
  issuerName: ISSUER_NAME,
  maxValiditySeconds: 3_600,
  maySignAuthorities: false,
  maxPathLength: undefined,
};

/** A backend in software with a key-encryption key of its own. */
export function softwareBackend(kek: Uint8Array = randomBytes(32)): SoftwareKeyBackend {
  const wrapper = new LocalKeyWrapper(new SecretBytes(Uint8Array.from(kek)), randomBytes);
  return new SoftwareKeyBackend({ wrapper, randomBytes });
}

/** Options of {@link TestSigner}. */
export interface TestSignerOptions {
  readonly work: UnitOfWork;
  readonly now: () => Date;
  readonly backend?: KeyBackend;
}

/** The use cases of one replica, wired without listeners. */
export class TestSigner {
  readonly work: UnitOfWork;
  readonly backend: KeyBackend;
  readonly clock: { readonly now: () => Date };
  readonly randomBytes = randomBytes;
  readonly sha256 = sha256;
  readonly openedKeys: OpenedKeys;
  readonly ledger: LedgerWriter;

  constructor({ work, now, backend = softwareBackend() }: TestSignerOptions) {
    this.work = work;
    this.backend = backend;
    this.clock = { now };
    this.openedKeys = new OpenedKeys({
      work,
      backend,
      maxKeys: 100,
      maxAgeMs: 60_000,
      elapsedMs: () => performance.now(),
    });
    this.ledger = new LedgerWriter({ work, onDisabled: (name) => this.openedKeys.drop(name) });
  }

  /** Makes a key in the project `acme`. */
  createKey(
    key: string,
    { policy = LEAF_POLICY, algorithm = 'ec-p256' }: { policy?: KeyPolicy; algorithm?: KeyAlgorithm } = {},
  ): Promise<Key> {
    const name = { project: 'acme', key };
    return createKey(this, { name, algorithm, policy, request: undefined, call: sampleCall() });
  }

  /** A certificate to be signed: a new intent and serial unless told. */
  item(key: Key, changes: Partial<SignItem> = {}): SignItem {
    const serial = BigInt(`0x${randomBytes(16).toString('hex')}`) + 1n;
    const tbs = sampleCertificate({ now: this.clock.now(), spki: key.publicKey, serial });
    return { intentId: randomUUID(), keyName: key.name, kind: 'certificate', tbs, ...changes };
  }

  /** Signs as one call. */
  sign(items: readonly SignItem[], call = sampleCall()): Promise<readonly SignOutcome[]> {
    return signBatch(this, { items, call });
  }
}
