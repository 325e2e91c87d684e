import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  assembleCertificationRequest,
  buildCertificationRequestInfo,
  buildName,
  type GeneralName,
  OID,
  type SignatureAlgorithm,
  subjectAltNameExtension,
} from '@cert-tasks/x509';

/** A key that requests are made with. */
export interface SampleKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** What a request says. */
export interface SampleRequest {
  readonly key?: SampleKey;
  readonly names?: readonly GeneralName[];
  readonly dnsNames?: readonly string[];
  readonly commonName?: string;
  /** Signs with another key than the one in the request. */
  readonly signer?: SampleKey;
  /** The value of a subject alternative name as it is, for names that no builder writes. */
  readonly rawExtension?: Uint8Array;
}

/** A new P-256 key. */
export function sampleKey(): SampleKey {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** A certification request in DER. */
export function sampleRequest({
  key = sampleKey(),
  names,
  dnsNames = ['a.example'],
  commonName,
  signer = key,
  rawExtension,
}: SampleRequest = {}): Uint8Array {
  const wanted = names ?? dnsNames.map((value): GeneralName => ({ kind: 'dns', value }));
  const requestInfo = buildCertificationRequestInfo({
    subject: buildName(commonName === undefined ? [] : [{ type: 'CN', value: commonName }]),
    spki: new Uint8Array(key.publicKey.export({ type: 'spki', format: 'der' })),
    extensions:
      rawExtension !== undefined
        ? [{ oid: OID.subjectAltName, critical: false, value: rawExtension }]
        : wanted.length === 0
          ? []
          : [subjectAltNameExtension({ names: wanted, critical: false })],
  });
  const { algorithm, digest } = SIGNING[signer.privateKey.asymmetricKeyType ?? ''] ?? {
    algorithm: 'ecdsa-sha256',
    digest: 'sha256',
  };
  return assembleCertificationRequest({
    tbs: requestInfo,
    signatureAlgorithm: algorithm,
    signature: new Uint8Array(sign(digest, requestInfo, signer.privateKey)),
  });
}

const SIGNING: Readonly<Record<string, { algorithm: SignatureAlgorithm; digest: string | null }>> = {
  ec: { algorithm: 'ecdsa-sha256', digest: 'sha256' },
  rsa: { algorithm: 'rsa-sha256', digest: 'sha256' },
  ed25519: { algorithm: 'ed25519', digest: null },
};
