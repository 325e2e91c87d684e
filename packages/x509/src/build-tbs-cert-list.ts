import { assembleSigned, type SignedParts } from './build-tbs-certificate.ts';
import {
  certificateIssuerExtension,
  invalidityDateExtension,
  REVOCATION_REASONS,
  type RevocationReason,
  reasonCodeExtension,
} from './crl-extension.ts';
import { constructedContextTag, TAG } from './der-tag.ts';
import { DerWriter, encodeDer } from './der-writer.ts';
import { type Extension, writeExtensions } from './extension.ts';
import type { Name } from './name.ts';
import { encodeSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts';
import { X509Error } from './x509-error.ts';

/** One certificate to be listed as revoked. */
export interface RevokedCertificateInput {
  readonly serialNumber: bigint;
  /** Whole seconds. */
  readonly revocationDate: Date;
  /** `unspecified` writes no reason code (RFC 5280 section 5.3.1). */
  readonly reason: RevocationReason;
  /** When the key is known or suspected to have been lost; whole seconds. */
  readonly invalidityDate?: Date;
  /**
   * Issuer of the certificate, in an indirect CRL (RFC 5280 section 5.3.3). It holds for the entries that follow too, so it
   * is needed on the first entry of each issuer that is not the CRL's own.
   */
  readonly certificateIssuer?: Name;
}

/** Everything of a version 2 CRL before its signature. There are no defaults. */
export interface TbsCertListInput {
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly issuer: Name | Uint8Array;
  /** Whole seconds. */
  readonly thisUpdate: Date;
  /** Whole seconds, later than `thisUpdate`. */
  readonly nextUpdate: Date;
  /** In order of encoding; may be empty. */
  readonly revoked: readonly RevokedCertificateInput[];
  /** CRL number and authority key identifier are needed by RFC 5280 section 5.2. */
  readonly extensions: readonly Extension[];
}

/** DER of a TBSCertList of version 2 (RFC 5280 section 5.1). @throws X509Error `invalid-argument`. */
export function buildTbsCertList(input: TbsCertListInput): Uint8Array {
  if (!(input.thisUpdate.getTime() < input.nextUpdate.getTime())) {
    throw new X509Error('invalid-argument', 'nextUpdate must be later than thisUpdate');
  }
  const writer = new DerWriter(1024 + input.revoked.length * 64);
  writeExtensions(writer, input.extensions);
  writer.close(constructedContextTag(0), 0);
  if (input.revoked.length > 0) writeRevoked(writer, input.revoked);
  writer.time(input.nextUpdate);
  writer.time(input.thisUpdate);
  writer.raw(input.issuer instanceof Uint8Array ? input.issuer : input.issuer.der);
  writer.raw(encodeSignatureAlgorithm(input.signatureAlgorithm));
  writer.integer(1);
  writer.close(TAG.SEQUENCE, 0);
  return writer.finish();
}

function writeRevoked(writer: DerWriter, revoked: readonly RevokedCertificateInput[]): void {
  const end = writer.mark();
  for (let i = revoked.length - 1; i >= 0; i--) {
    const entry = revoked[i];
    if (entry !== undefined) writeEntry(writer, entry);
  }
  writer.close(TAG.SEQUENCE, end);
}

function writeEntry(writer: DerWriter, entry: RevokedCertificateInput): void {
  if (entry.serialNumber <= 0n || entry.serialNumber >= 1n << 159n) {
    throw new X509Error('invalid-argument', 'A serial number is positive and has at most 20 octets');
  }
  const end = writer.mark();
  if (entry.invalidityDate !== undefined || entry.certificateIssuer !== undefined)
    writeExtensions(writer, entryExtensions(entry));
  else if (entry.reason !== 'unspecified') writer.raw(reasonOnly(entry.reason));
  writer.time(entry.revocationDate);
  writer.integer(entry.serialNumber);
  writer.close(TAG.SEQUENCE, end);
}

function entryExtensions(entry: RevokedCertificateInput): Extension[] {
  return [
    ...(entry.reason === 'unspecified' ? [] : [reasonCodeExtension(entry.reason)]),
    ...(entry.invalidityDate === undefined ? [] : [invalidityDateExtension(entry.invalidityDate)]),
    ...(entry.certificateIssuer === undefined ? [] : [certificateIssuerExtension(entry.certificateIssuer)]),
  ];
}

/** Entry extensions that hold nothing but a reason, encoded once: a CRL may have a million of them. */
const REASON_ONLY: ReadonlyMap<string, Uint8Array> = new Map(
  Object.keys(REVOCATION_REASONS)
    .filter((reason) => reason !== 'unspecified')
    // The keys of a constant object literal are exactly its declared keys.
    .map((reason) => [
      reason,
      encodeDer((writer) => writeExtensions(writer, [reasonCodeExtension(reason as RevocationReason)])),
    ]),
);

function reasonOnly(reason: RevocationReason): Uint8Array {
  const encoded = REASON_ONLY.get(reason);
  if (encoded === undefined)
    throw new X509Error('invalid-argument', `"${String(reason).slice(0, 40)}" is not a revocation reason`);
  return encoded;
}

/** DER of a CRL: the TBS as it is, the algorithm, the signature. Parse and verify the result. */
export function assembleCertificateList(parts: SignedParts): Uint8Array {
  return assembleSigned(parts);
}
