import { assembleSigned, type SignedParts } from './build-tbs-certificate.ts';
import { type DerLimits, DerReader } from './der-reader.ts';
import { constructedContextTag, TAG } from './der-tag.ts';
import { DerWriter, encodeDer, writeSetOf } from './der-writer.ts';
import { type Extension, readExtensions, writeExtensions } from './extension.ts';
import { type Name, readName } from './name.ts';
import { compareOctets } from './octets.ts';
import { OID } from './oid.ts';
import { type PublicKeyInfo, parsePublicKey } from './public-key.ts';
import { parseSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts';
import { verifySignature } from './verify-signature.ts';

/** Limits for one certification request: 64 KiB, 24 levels, 10,000 elements. */
export const CERTIFICATION_REQUEST_LIMITS: DerLimits = { maxBytes: 65_536, maxDepth: 24, maxElements: 10_000 };

/** One attribute of a request as encoded (RFC 2986 section 4.1). */
export interface RequestAttribute {
  readonly type: string;
  /** Its values, each one whole DER element; at least one. */
  readonly values: readonly Uint8Array[];
}

/** A parsed PKCS#10 certification request (RFC 2986). All octets are views of the input. */
export interface CertificationRequest {
  readonly der: Uint8Array;
  /** The exact octets that are signed: CertificationRequestInfo. */
  readonly requestInfo: Uint8Array;
  readonly subject: Name;
  /** DER of the SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly publicKey: PublicKeyInfo;
  /** All attributes, the extension request among them. */
  readonly attributes: readonly RequestAttribute[];
  /** Extensions asked for (RFC 2985 section 5.4.2); empty where none are. They are wishes, not facts. */
  readonly requestedExtensions: readonly Extension[];
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

/**
 * Parses a request, the whole of the input. It does not check the signature: see `verifyProofOfPossession`.
 * @param limits Bounds of the input; 64 KiB unless told.
 * @throws X509Error where it is not strict DER or not RFC 2986, where an attribute type or an extension appears twice, and
 * with `weak-algorithm` or `unsupported-algorithm` for a signature algorithm that is not accepted.
 */
export function parseCertificationRequest(
  der: Uint8Array,
  limits: DerLimits = CERTIFICATION_REQUEST_LIMITS,
): CertificationRequest {
  const reader = DerReader.over(der, { limits, path: 'certificationRequest' });
  const outer = reader.enter(TAG.SEQUENCE);
  reader.finish();
  const info = outer.enter(TAG.SEQUENCE);
  const requestInfo = der.subarray(outer.elementStart, outer.position);
  info.path = 'certificationRequestInfo.version';
  info.readSmallInteger(0);
  info.path = 'certificationRequestInfo.subject';
  const subject = readName(info);
  info.path = 'certificationRequestInfo.subjectPKInfo';
  const spki = info.readRaw(TAG.SEQUENCE);
  const publicKey = parsePublicKey(spki, { baseOffset: info.offset - spki.length });
  info.path = 'certificationRequestInfo.attributes';
  const { attributes, requestedExtensions } = readAttributes(info);
  info.finish();
  outer.path = 'signatureAlgorithm';
  const signatureAlgorithm = parseSignatureAlgorithm(outer.readRaw(TAG.SEQUENCE));
  outer.path = 'signature';
  const signature = outer.readBitStringOctets();
  outer.finish();
  return { der, requestInfo, subject, spki, publicKey, attributes, requestedExtensions, signatureAlgorithm, signature };
}

function readAttributes(info: DerReader): {
  attributes: RequestAttribute[];
  requestedExtensions: readonly Extension[];
} {
  const set = info.enter(constructedContextTag(0));
  const attributes: RequestAttribute[] = [];
  let requestedExtensions: readonly Extension[] = [];
  let previous: Uint8Array | undefined;
  while (!set.atEnd) {
    const sequence = set.enter(TAG.SEQUENCE);
    const encoded = set.bytes.subarray(set.elementStart, set.position);
    if (previous !== undefined && compareOctets(previous, encoded) > 0) {
      throw set.error('unordered-set', 'The attributes are not in DER order');
    }
    previous = encoded;
    const type = sequence.readOid();
    if (attributes.some((earlier) => earlier.type === type))
      throw set.error('invalid-structure', `Attribute ${type} appears twice`);
    const values = sequence.enter(TAG.SET);
    sequence.finish();
    if (type === OID.extensionRequest) {
      values.path = 'certificationRequestInfo.attributes.extensionRequest';
      requestedExtensions = readExtensions(values);
      attributes.push({ type, values: [values.bytes.subarray(values.elementStart, values.position)] });
      // RFC 2985 section 5.4.2: a single value.
      values.finish();
    } else {
      attributes.push({ type, values: readValues(values) });
    }
  }
  return { attributes, requestedExtensions };
}

function readValues(set: DerReader): Uint8Array[] {
  const values: Uint8Array[] = [];
  while (!set.atEnd) {
    const value = set.readRaw();
    const last = values[values.length - 1];
    if (last !== undefined && compareOctets(last, value) > 0)
      throw set.error('unordered-set', 'The values are not in DER order');
    values.push(value);
  }
  if (values.length === 0) throw set.error('invalid-structure', 'An attribute has at least one value', 'next');
  return values;
}

/**
 * True when the request was signed with the private key of the public key that it holds.
 * @throws X509Error `weak-key`, `invalid-key` or `unsupported-algorithm` where the key cannot be used at all.
 */
export function verifyProofOfPossession(request: CertificationRequest): boolean {
  return verifySignature({
    publicKey: request.publicKey,
    algorithm: request.signatureAlgorithm,
    data: request.requestInfo,
    signature: request.signature,
  });
}

/** What a request is made of, before its signature. */
export interface CertificationRequestInfoInput {
  readonly subject: Name | Uint8Array;
  /** DER of the SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** Extensions to ask for; none where empty. */
  readonly extensions: readonly Extension[];
}

/** DER of a CertificationRequestInfo, to be signed with the private key of `spki`. */
export function buildCertificationRequestInfo(input: CertificationRequestInfoInput): Uint8Array {
  const writer = new DerWriter(1024);
  if (input.extensions.length > 0) writer.raw(encodeExtensionRequest(input.extensions));
  writer.close(constructedContextTag(0), 0);
  writer.raw(input.spki);
  writer.raw(input.subject instanceof Uint8Array ? input.subject : input.subject.der);
  writer.integer(0);
  writer.close(TAG.SEQUENCE, 0);
  return writer.finish();
}

function encodeExtensionRequest(extensions: readonly Extension[]): Uint8Array {
  return encodeDer((writer) => {
    writeSetOf(writer, [encodeDer((inner) => writeExtensions(inner, extensions))]);
    writer.oid(OID.extensionRequest);
    writer.close(TAG.SEQUENCE, 0);
  });
}

/** DER of a request: the info as it is (in `tbs`), the algorithm, the signature. */
export function assembleCertificationRequest(parts: SignedParts): Uint8Array {
  return assembleSigned(parts);
}
