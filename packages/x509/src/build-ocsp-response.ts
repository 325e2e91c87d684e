import { REVOCATION_REASONS } from './crl-extension.ts';
import { constructedContextTag, contextTag, TAG } from './der-tag.ts';
import { DerWriter, encodeDer } from './der-writer.ts';
import { type Extension, writeExtensions } from './extension.ts';
import { OCSP_ERROR_STATUSES, type OcspErrorStatus, type OcspResponderId, type OcspStatus } from './ocsp-response.ts';
import { OID } from './oid.ts';
import { encodeSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts';
import { X509Error } from './x509-error.ts';

/** One answer to be written. */
export interface OcspSingleResponseInput {
  /** The CertID of the request, octet for octet, or one of `encodeOcspCertId`. */
  readonly certId: Uint8Array;
  readonly status: OcspStatus;
  /** Whole seconds, as all times here. */
  readonly thisUpdate: Date;
  /** Later than `thisUpdate`. */
  readonly nextUpdate: Date;
  readonly extensions?: readonly Extension[];
}

/** Everything of a response before its signature. There are no defaults. */
export interface TbsOcspResponseInput {
  readonly responderId: OcspResponderId;
  readonly producedAt: Date;
  /** At least one, in order of encoding. */
  readonly responses: readonly OcspSingleResponseInput[];
  /** `ocspNonceExtension` with the request's nonce, and others; may be empty. */
  readonly extensions: readonly Extension[];
}

/** DER of a ResponseData, to be signed (RFC 6960 section 4.2.1). @throws X509Error `invalid-argument`. */
export function buildTbsOcspResponse(input: TbsOcspResponseInput): Uint8Array {
  if (input.responses.length === 0) throw new X509Error('invalid-argument', 'Give at least one answer');
  const writer = new DerWriter(512);
  if (input.extensions.length > 0) {
    writeExtensions(writer, input.extensions);
    writer.close(constructedContextTag(1), 0);
  }
  const listEnd = writer.mark();
  for (const response of input.responses.toReversed()) writeSingleResponse(writer, response);
  writer.close(TAG.SEQUENCE, listEnd);
  writer.generalizedTime(input.producedAt);
  writeResponderId(writer, input.responderId);
  writer.close(TAG.SEQUENCE, 0);
  return writer.finish();
}

function writeSingleResponse(writer: DerWriter, response: OcspSingleResponseInput): void {
  if (!(response.thisUpdate.getTime() < response.nextUpdate.getTime())) {
    throw new X509Error('invalid-argument', 'nextUpdate must be later than thisUpdate');
  }
  const end = writer.mark();
  if (response.extensions !== undefined && response.extensions.length > 0) {
    writeExtensions(writer, response.extensions);
    writer.close(constructedContextTag(1), end);
  }
  const nextUpdateEnd = writer.mark();
  writer.generalizedTime(response.nextUpdate);
  writer.close(constructedContextTag(0), nextUpdateEnd);
  writer.generalizedTime(response.thisUpdate);
  writeStatus(writer, response.status);
  writer.raw(response.certId);
  writer.close(TAG.SEQUENCE, end);
}

function writeStatus(writer: DerWriter, status: OcspStatus): void {
  if (status.kind !== 'revoked') {
    writer.header(contextTag(status.kind === 'good' ? 0 : 2), 0);
    return;
  }
  const end = writer.mark();
  if (status.reason !== 'unspecified') {
    writer.integer(REVOCATION_REASONS[status.reason], TAG.ENUMERATED);
    writer.close(constructedContextTag(0), end);
  }
  writer.generalizedTime(status.revocationDate);
  writer.close(constructedContextTag(1), end);
}

function writeResponderId(writer: DerWriter, responder: OcspResponderId): void {
  const end = writer.mark();
  if (responder.kind === 'name') {
    writer.raw(responder.name.der);
    writer.close(constructedContextTag(1), end);
    return;
  }
  if (responder.keyHash.length !== 20)
    throw new X509Error('invalid-argument', 'The key hash of a responder has 20 octets');
  writer.octetString(responder.keyHash);
  writer.close(constructedContextTag(2), end);
}

/** A signed response to be put together. */
export interface OcspResponseParts {
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  /** DER of the responder's certificate, where it is not the issuer itself; empty otherwise. */
  readonly certificates: readonly Uint8Array[];
}

/** DER of a successful OCSP response. It checks nothing: parse the result and verify it. */
export function assembleOcspResponse(parts: OcspResponseParts): Uint8Array {
  const writer = new DerWriter(parts.tbs.length + parts.signature.length + 1024);
  if (parts.certificates.length > 0) {
    for (const certificate of parts.certificates.toReversed()) writer.raw(certificate);
    writer.close(TAG.SEQUENCE, 0);
    writer.close(constructedContextTag(0), 0);
  }
  writer.bitString(parts.signature);
  writer.raw(encodeSignatureAlgorithm(parts.signatureAlgorithm));
  writer.raw(parts.tbs);
  writer.close(TAG.SEQUENCE, 0);
  writer.close(TAG.OCTET_STRING, 0);
  writer.oid(OID.ocspBasic);
  writer.close(TAG.SEQUENCE, 0);
  writer.close(constructedContextTag(0), 0);
  writer.integer(0, TAG.ENUMERATED);
  writer.close(TAG.SEQUENCE, 0);
  return writer.finish();
}

/** DER of a response without an answer. It is not signed. */
export function ocspErrorResponse(status: OcspErrorStatus): Uint8Array {
  return encodeDer((writer) => {
    writer.integer(OCSP_ERROR_STATUSES[status], TAG.ENUMERATED);
    writer.close(TAG.SEQUENCE, 0);
  });
}
