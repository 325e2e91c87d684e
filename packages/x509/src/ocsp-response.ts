import { type Certificate, parseCertificate } from './certificate.ts';
import { type RevocationReason, revocationReasonOf } from './crl-extension.ts';
import { type DerLimits, DerReader } from './der-reader.ts';
import { constructedContextTag, contextTag, TAG } from './der-tag.ts';
import type { Extension } from './extension.ts';
import { type Name, readName } from './name.ts';
import { type OcspCertId, readOcspCertId } from './ocsp-cert-id.ts';
import { findOcspNonce } from './ocsp-nonce.ts';
import { readOcspExtensions } from './ocsp-request.ts';
import { OID } from './oid.ts';
import type { PublicKeyInfo } from './public-key.ts';
import { parseSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts';
import { verifySignature } from './verify-signature.ts';
import { X509Error } from './x509-error.ts';

/** Limits for one OCSP response: 128 KiB, 24 levels, 20,000 elements. */
export const OCSP_RESPONSE_LIMITS: DerLimits = { maxBytes: 131_072, maxDepth: 24, maxElements: 20_000 };

/** Most certificates read from one response, and most answers. */
const MAX_CERTIFICATES = 10;
const MAX_RESPONSES = 100;

/** What a response without an answer says, and its code (RFC 6960 section 4.2.1). */
export const OCSP_ERROR_STATUSES = {
  malformedRequest: 1,
  internalError: 2,
  tryLater: 3,
  sigRequired: 5,
  unauthorized: 6,
} as const;

/** Why a responder gives no answer. */
export type OcspErrorStatus = keyof typeof OCSP_ERROR_STATUSES;

/** State of one certificate. */
export type OcspStatus =
  | { readonly kind: 'good' }
  | {
      readonly kind: 'revoked';
      readonly revocationDate: Date;
      /** `unspecified` where none is given. */
      readonly reason: RevocationReason;
    }
  | { readonly kind: 'unknown' };

/** Who made a response. */
export type OcspResponderId =
  | { readonly kind: 'name'; readonly name: Name }
  /** SHA-1 of the responder's key bits, 20 octets. */
  | { readonly kind: 'key'; readonly keyHash: Uint8Array };

/** One answer. */
export interface OcspSingleResponse {
  readonly certId: OcspCertId;
  readonly status: OcspStatus;
  readonly thisUpdate: Date;
  /** Undefined where newer information is always to be had. */
  readonly nextUpdate: Date | undefined;
  readonly extensions: readonly Extension[];
}

/** What a ResponseData holds (RFC 6960 section 4.2.1). All octets are views of the input. */
export interface OcspResponseData {
  /** ResponseData, as encoded: the octets that are signed. */
  readonly tbs: Uint8Array;
  readonly responderId: OcspResponderId;
  readonly producedAt: Date;
  /** At most 100; may be empty, which lint finds. */
  readonly responses: readonly OcspSingleResponse[];
  readonly extensions: readonly Extension[];
  readonly nonce: Uint8Array | undefined;
}

/** A basic response: answers and who signed them. */
export interface BasicOcspResponse extends OcspResponseData {
  readonly signatureAlgorithmDer: Uint8Array;
  readonly signature: Uint8Array;
  /** Certificates sent along, at most 10, each parsed when asked for: one that is malformed spoils no other. */
  readonly certificates: readonly Uint8Array[];
}

/** A parsed OCSP response. */
export type OcspResponse =
  | { readonly status: 'successful'; readonly der: Uint8Array; readonly basic: BasicOcspResponse }
  | { readonly status: OcspErrorStatus; readonly der: Uint8Array };

const ERROR_BY_CODE: ReadonlyMap<number, OcspErrorStatus> = new Map(
  // The entries of a constant object literal have exactly its declared keys.
  Object.entries(OCSP_ERROR_STATUSES).map(([status, code]) => [code, status as OcspErrorStatus]),
);

/**
 * Parses a response, the whole of the input. It checks no signature: see `verifyOcspResponseSignature` and `validatePath`.
 * @throws X509Error where it is not strict DER or not RFC 6960 section 4.2, is of another type than id-pkix-ocsp-basic, or
 * has an unknown critical extension.
 */
export function parseOcspResponse(der: Uint8Array, limits: DerLimits = OCSP_RESPONSE_LIMITS): OcspResponse {
  const reader = DerReader.over(der, { limits, path: 'ocspResponse.responseStatus' });
  const outer = reader.enter(TAG.SEQUENCE);
  reader.finish();
  const code = outer.readSmallInteger(255, TAG.ENUMERATED);
  if (code !== 0) {
    const status = ERROR_BY_CODE.get(code);
    if (status === undefined) throw outer.error('invalid-value', 'The response status is not known');
    outer.finish();
    return { status, der };
  }
  outer.path = 'ocspResponse.responseBytes';
  const explicit = outer.enter(constructedContextTag(0));
  outer.finish();
  const bytes = explicit.enter(TAG.SEQUENCE);
  explicit.finish();
  if (bytes.readOid() !== OID.ocspBasic) throw bytes.error('invalid-structure', 'The response type is not basic');
  const content = bytes.enter(TAG.OCTET_STRING);
  bytes.finish();
  const basic = readBasicResponse(content);
  content.finish();
  return { status: 'successful', der, basic };
}

function readBasicResponse(reader: DerReader): BasicOcspResponse {
  const outer = reader.enter(TAG.SEQUENCE);
  const data = readResponseData(outer);
  outer.path = 'basicOcspResponse.signatureAlgorithm';
  const signatureAlgorithmDer = outer.readRaw(TAG.SEQUENCE);
  outer.path = 'basicOcspResponse.signature';
  const signature = outer.readBitStringOctets();
  outer.path = 'basicOcspResponse.certs';
  const certificates = readCertificates(outer);
  outer.finish();
  return { ...data, signatureAlgorithmDer, signature, certificates };
}

function readCertificates(outer: DerReader): Uint8Array[] {
  if (!outer.isNext(constructedContextTag(0))) return [];
  const explicit = outer.enter(constructedContextTag(0));
  const list = explicit.enter(TAG.SEQUENCE);
  explicit.finish();
  const certificates: Uint8Array[] = [];
  while (!list.atEnd) {
    if (certificates.length >= MAX_CERTIFICATES)
      throw list.error('limit-exceeded', `More than ${MAX_CERTIFICATES} certificates are sent along`);
    certificates.push(list.readRaw(TAG.SEQUENCE));
  }
  return certificates;
}

/** Parses a ResponseData alone, the whole of the input: for a signer or a linter before the signature is made. */
export function parseTbsOcspResponse(tbs: Uint8Array, limits: DerLimits = OCSP_RESPONSE_LIMITS): OcspResponseData {
  const reader = DerReader.over(tbs, { limits, path: 'responseData' });
  const data = readResponseData(reader);
  reader.finish();
  return data;
}

function readResponseData(reader: DerReader): OcspResponseData {
  const data = reader.enter(TAG.SEQUENCE);
  const tbs = reader.bytes.subarray(reader.elementStart, reader.position);
  data.path = 'responseData.version';
  if (data.isNext(constructedContextTag(0)))
    throw data.error('unsupported-version', 'Version 1 is the default, and DER leaves it out', 'next');
  data.path = 'responseData.responderID';
  const responderId = readResponderId(data);
  data.path = 'responseData.producedAt';
  const producedAt = new Date(data.readGeneralizedTime());
  data.path = 'responseData.responses';
  const list = data.enter(TAG.SEQUENCE);
  const responses: OcspSingleResponse[] = [];
  while (!list.atEnd) {
    if (responses.length >= MAX_RESPONSES)
      throw list.error('limit-exceeded', `More than ${MAX_RESPONSES} answers are in one response`);
    responses.push(readSingleResponse(list.enter(TAG.SEQUENCE)));
  }
  data.path = 'responseData.responseExtensions';
  const extensions = readOcspExtensions(data, 1);
  data.finish();
  return { tbs, responderId, producedAt, responses, extensions, nonce: findOcspNonce(extensions) };
}

function readResponderId(data: DerReader): OcspResponderId {
  if (data.isNext(constructedContextTag(1))) {
    const explicit = data.enter(constructedContextTag(1));
    const name = readName(explicit);
    explicit.finish();
    return { kind: 'name', name };
  }
  const explicit = data.enter(constructedContextTag(2));
  const keyHash = explicit.readValue(TAG.OCTET_STRING);
  if (keyHash.length !== 20) throw explicit.error('invalid-value', 'The key hash of a responder has 20 octets');
  explicit.finish();
  return { kind: 'key', keyHash };
}

function readSingleResponse(single: DerReader): OcspSingleResponse {
  const certId = readOcspCertId(single);
  const status = readStatus(single);
  const thisUpdate = new Date(single.readGeneralizedTime());
  let nextUpdate: Date | undefined;
  if (single.isNext(constructedContextTag(0))) {
    const explicit = single.enter(constructedContextTag(0));
    nextUpdate = new Date(explicit.readGeneralizedTime());
    explicit.finish();
  }
  const extensions = readOcspExtensions(single, 1);
  single.finish();
  return { certId, status, thisUpdate, nextUpdate, extensions };
}

function readStatus(single: DerReader): OcspStatus {
  if (single.isNext(constructedContextTag(1))) {
    const revoked = single.enter(constructedContextTag(1));
    const revocationDate = new Date(revoked.readGeneralizedTime());
    const reason = revoked.atEnd ? 'unspecified' : readReason(revoked);
    revoked.finish();
    return { kind: 'revoked', revocationDate, reason };
  }
  const isGood = single.isNext(contextTag(0));
  // NULL under an implicit tag.
  if (single.readValue(isGood ? contextTag(0) : contextTag(2)).length !== 0)
    throw single.error('invalid-value', 'A certificate status without content is expected');
  return { kind: isGood ? 'good' : 'unknown' };
}

function readReason(revoked: DerReader): RevocationReason {
  const explicit = revoked.enter(constructedContextTag(0));
  const reason = revocationReasonOf(explicit.readSmallInteger(255, TAG.ENUMERATED));
  if (reason === undefined) throw explicit.error('invalid-value', 'The revocation reason is not known');
  explicit.finish();
  return reason;
}

/** Certificates sent along that can be parsed. */
export function ocspCertificates(response: BasicOcspResponse): readonly Certificate[] {
  return response.certificates.flatMap((der) => {
    try {
      return [parseCertificate(der)];
    } catch (error) {
      // Anyone can add certificates to a response: one that is malformed is as good as absent.
      if (error instanceof X509Error) return [];
      throw error;
    }
  });
}

/** @throws X509Error `weak-algorithm` or `unsupported-algorithm`. */
export function ocspSignatureAlgorithm(response: BasicOcspResponse): SignatureAlgorithm {
  return parseSignatureAlgorithm(response.signatureAlgorithmDer);
}

/**
 * True when the response's signature was made by the given key. Whether that key may answer is another question.
 * @throws X509Error where the algorithm or the key is weak, unsupported or malformed.
 */
export function verifyOcspResponseSignature(response: BasicOcspResponse, key: PublicKeyInfo | Uint8Array): boolean {
  return verifySignature({
    publicKey: key,
    algorithm: ocspSignatureAlgorithm(response),
    data: response.tbs,
    signature: response.signature,
  });
}
