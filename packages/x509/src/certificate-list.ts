import { type DerLimits, DerReader } from './der-reader.ts';
import { TAG } from './der-tag.ts';
import { equalOctets } from './octets.ts';
import type { PublicKeyInfo } from './public-key.ts';
import { CRL_LIMITS, readTbsCertListFields, TbsCertList, type TbsCertListFields } from './tbs-cert-list.ts';
import { verifySignature } from './verify-signature.ts';

/** A parsed CRL (RFC 5280 section 5.1): all that its TBSCertList says, and its signature. */
export class CertificateList extends TbsCertList {
  /** The whole CRL as given. */
  readonly der: Uint8Array;
  readonly signature: Uint8Array;

  /** Use `parseCertificateList`. */
  constructor(fields: TbsCertListFields, signed: { readonly der: Uint8Array; readonly signature: Uint8Array }) {
    super(fields);
    this.der = signed.der;
    this.signature = signed.signature;
  }
}

/**
 * Parses one CRL, the whole of the input.
 * @param limits Bounds of the input; 64 MiB unless told.
 * @throws X509Error with offset and field path where it is not strict DER or not RFC 5280 section 5.1.
 */
export function parseCertificateList(der: Uint8Array, limits: DerLimits = CRL_LIMITS): CertificateList {
  const reader = DerReader.over(der, { limits, path: 'certificateList' });
  const outer = reader.enter(TAG.SEQUENCE);
  reader.finish();
  const fields = readTbsCertListFields(outer);
  outer.path = 'signatureAlgorithm';
  if (!equalOctets(outer.readRaw(TAG.SEQUENCE), fields.signatureAlgorithmDer)) {
    throw outer.error('invalid-structure', 'The two signature algorithms differ (RFC 5280 section 5.1.1.2)');
  }
  outer.path = 'signatureValue';
  const signature = outer.readBitStringOctets();
  outer.finish();
  return new CertificateList(fields, { der, signature });
}

/**
 * True when the CRL's signature was made by the given key.
 * @throws X509Error where the algorithm or the key is weak, unsupported or malformed.
 */
export function verifyCertificateListSignature(list: CertificateList, issuerKey: PublicKeyInfo | Uint8Array): boolean {
  return verifySignature({
    publicKey: issuerKey,
    algorithm: list.signatureAlgorithm,
    data: list.tbs,
    signature: list.signature,
  });
}
