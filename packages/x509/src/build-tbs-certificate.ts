import { constructedContextTag, TAG } from './der-tag.ts';
import { DerWriter } from './der-writer.ts';
import { type Extension, writeExtensions } from './extension.ts';
import type { Name } from './name.ts';
import { encodeSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts';
import { X509Error } from './x509-error.ts';

/** Everything of a version 3 certificate before its signature. There are no defaults. */
export interface TbsCertificateInput {
  /** Positive, at most 20 octets (RFC 5280 section 4.1.2.2). See `serialFromRandom`. */
  readonly serialNumber: bigint;
  readonly signatureAlgorithm: SignatureAlgorithm;
  /** Issuer's name; as DER where it is taken from the issuer's certificate, so that its bytes are the same. */
  readonly issuer: Name | Uint8Array;
  /** First moment of validity, whole seconds. */
  readonly notBefore: Date;
  /** Last moment of validity, inclusive, whole seconds. */
  readonly notAfter: Date;
  readonly subject: Name | Uint8Array;
  /** DER of the SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** In order of encoding, at least one. */
  readonly extensions: readonly Extension[];
}

/** Largest serial number: 20 octets must not need a 21st for their sign. */
export const MAX_SERIAL = (1n << 159n) - 1n;

/**
 * DER of a TBSCertificate of version 3 (RFC 5280 section 4.1). It writes what it is given and refuses what cannot be
 * written rightly; whether it should be issued is the question of `lintTbsCertificate`.
 * @throws X509Error `invalid-argument` or `duplicate-extension`.
 */
export function buildTbsCertificate(input: TbsCertificateInput): Uint8Array {
  if (input.serialNumber <= 0n || input.serialNumber > MAX_SERIAL) {
    throw new X509Error('invalid-argument', 'A serial number is positive and has at most 20 octets');
  }
  if (!(input.notBefore.getTime() <= input.notAfter.getTime())) {
    throw new X509Error('invalid-argument', 'notBefore must not be later than notAfter');
  }
  const writer = new DerWriter(1024);
  writeExtensions(writer, input.extensions);
  writer.close(constructedContextTag(3), 0);
  writer.raw(input.spki);
  writeName(writer, input.subject);
  const validityEnd = writer.mark();
  writer.time(input.notAfter);
  writer.time(input.notBefore);
  writer.close(TAG.SEQUENCE, validityEnd);
  writeName(writer, input.issuer);
  writer.raw(encodeSignatureAlgorithm(input.signatureAlgorithm));
  writer.integer(input.serialNumber);
  const versionEnd = writer.mark();
  writer.integer(2);
  writer.close(constructedContextTag(0), versionEnd);
  writer.close(TAG.SEQUENCE, 0);
  return writer.finish();
}

function writeName(writer: DerWriter, name: Name | Uint8Array): void {
  writer.raw(name instanceof Uint8Array ? name : name.der);
}

/** To-be-signed octets with their signature. */
export interface SignedParts {
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

/**
 * DER of a certificate: the TBS as it is, the algorithm, the signature. It checks nothing: parse the result and verify it
 * against the issuer's key.
 */
export function assembleCertificate(parts: SignedParts): Uint8Array {
  return assembleSigned(parts);
}

/** `SIGNED{}` of X.509: certificates, CRLs and certification requests alike. */
export function assembleSigned(parts: SignedParts): Uint8Array {
  const writer = new DerWriter(parts.tbs.length + parts.signature.length + 128);
  writer.bitString(parts.signature);
  writer.raw(encodeSignatureAlgorithm(parts.signatureAlgorithm));
  writer.raw(parts.tbs);
  writer.close(TAG.SEQUENCE, 0);
  return writer.finish();
}
