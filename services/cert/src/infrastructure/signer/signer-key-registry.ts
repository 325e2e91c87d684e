import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { type Key, KeyPurpose, type KeyService, KeyAlgorithm as WireAlgorithm } from '@cert-tasks/contracts/signer/v1';
import { bytesEqual } from '@cert-tasks/kernel';
import { type GrpcClient, RpcError } from '@cert-tasks/rpc';
import type { KeyRegistry } from '../../application/ports/key-registry.ts';
import type { KeyAlgorithm } from '../../domain/authority.ts';
import { CertError } from '../../domain/errors.ts';
import { fromRpcError } from './signer-errors.ts';

/** Making an RSA key of 4096 bits takes a second or two. */
const DEADLINE_MS = 10_000;

const ALGORITHMS: Readonly<Record<KeyAlgorithm, WireAlgorithm>> = {
  'ec-p256': WireAlgorithm.EC_P256,
  'ec-p384': WireAlgorithm.EC_P384,
  'rsa-2048': WireAlgorithm.RSA_2048,
  'rsa-3072': WireAlgorithm.RSA_3072,
  'rsa-4096': WireAlgorithm.RSA_4096,
  ed25519: WireAlgorithm.ED25519,
};

type Order = Parameters<KeyRegistry['createAuthorityKey']>[0];

/** Keys in the signer service. */
export class SignerKeyRegistry implements KeyRegistry {
  readonly #client: GrpcClient<typeof KeyService>;

  constructor(deps: { readonly client: GrpcClient<typeof KeyService> }) {
    this.#client = deps.client;
  }

  async createAuthorityKey(order: Order): Promise<{ keyName: string; spki: Uint8Array }> {
    const keyName = `projects/${order.project}/keys/${order.keyId}`;
    const key = await this.#createOrFind(order, keyName);
    // The key certifies under this name and algorithm or not at all: signer fixed both when it was made.
    const isOurs =
      key?.name === keyName &&
      key.purpose === KeyPurpose.CERTIFICATE_AUTHORITY &&
      key.algorithm === ALGORITHMS[order.algorithm] &&
      key.certificateAuthorityPolicy !== undefined &&
      bytesEqual(key.certificateAuthorityPolicy.issuerName, order.issuerName);
    if (isOurs) return { keyName, spki: key.publicKeyDer };
    throw new CertError('key-unavailable', `Signer has another key under ${keyName}.`, {
      advice: 'Create the authority again, under another id.',
    });
  }

  async #createOrFind(order: Order, keyName: string): Promise<Key | undefined> {
    try {
      const { key } = await this.#client.createKey(
        {
          parent: `projects/${order.project}`,
          keyId: order.keyId,
          purpose: KeyPurpose.CERTIFICATE_AUTHORITY,
          algorithm: ALGORITHMS[order.algorithm],
          certificateAuthorityPolicy: {
            issuerName: order.issuerName,
            maxValidity: durationFromMs(Math.ceil(order.maxValidityMs / 1_000) * 1_000),
            maySignAuthorities: order.maySignAuthorities,
          },
          requestId: order.requestId,
        },
        { deadlineMs: DEADLINE_MS },
      );
      return key;
    } catch (error) {
      // Signer remembers request ids for 7 days; an authority that is taken up again later finds its key by name.
      if (!(error instanceof RpcError) || error.rpcCode !== 'ALREADY_EXISTS')
        throw fromRpcError(error, 'key-unavailable');
    }
    try {
      return (await this.#client.getKey({ name: keyName }, { deadlineMs: DEADLINE_MS })).key;
    } catch (error) {
      throw fromRpcError(error, 'key-unavailable');
    }
  }
}
