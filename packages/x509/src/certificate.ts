import { createHash } from 'node:crypto';
import { type DerLimits, DerReader } from './der-reader.ts';
import { TAG } from './der-tag.ts';
import { equalOctets, toHex } from './octets.ts';
import type { PublicKeyInfo } from './public-key.ts';
import {
  CERTIFICATE_LIMITS,
  readTbsCertificateFields,
  TbsCertificate,
  type TbsCertificateFields,
} from './tbs-certificate.ts';
import { verifySignature } from './verify-signature.ts';

/** A parsed X.509 certificate (RFC 5280 section 4.1): all that its TBSCertificate says, and its signature. */
export class Certificate extends TbsCertificate {
  /** The whole certificate as given. */
  readonly der: Uint8Array;
  readonly signature: Uint8Array;

  /** Use `parseCertificate`. */
  constructor(fields: TbsCertificateFields, signed: { readonly der: Uint8Array; readonly signature: Uint8Array }) {
    super(fields);
    this.der = signed.der;
    this.signature = signed.signature;
  }

  /** SHA-256 of the whole certificate, lower-case hexadecimal. */
  fingerprintHex(): string {
    return toHex(createHash('sha256').update(this.der).digest());
  }
}

/**
 * Parses one certificate, the whole of the input.
 * @param limits Bounds of the input; 64 KiB unless told.
 * @throws X509Error with offset and field path where it is not strict DER or not RFC 5280 section 4.1.
 */
export function parseCertificate(der: Uint8Array, limits: DerLimits = CERTIFICATE_LIMITS): Certificate {
  const reader = DerReader.over(der, { limits, path: 'certificate' });
  const outer = reader.enter(TAG.SEQUENCE);
  reader.finish();
  const fields = readTbsCertificateFields(outer);
  outer.path = 'signatureAlgorithm';
  if (!equalOctets(outer.readRaw(TAG.SEQUENCE), fields.signatureAlgorithmDer)) {
    throw outer.error('invalid-structure', 'The two signature algorithms differ (RFC 5280 section 4.1.1.2)');
  }
  outer.path = 'signatureValue';
  const signature = outer.readBitStringOctets();
  outer.finish();
  return new Certificate(fields, { der, signature });
}

/**
 * True when the certificate's signature was made by the given key.
 * @throws X509Error where the algorithm or the key is weak, unsupported or malformed.
 */
export function verifyCertificateSignature(certificate: Certificate, issuerKey: PublicKeyInfo | Uint8Array): boolean {
  return verifySignature({
    publicKey: issuerKey,
    algorithm: certificate.signatureAlgorithm,
    data: certificate.tbs,
    signature: certificate.signature,
  });
}
