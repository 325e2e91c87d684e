import { type DerLimits, DerReader } from './der-reader.ts';
import { constructedContextTag, TAG } from './der-tag.ts';
import { DerWriter } from './der-writer.ts';
import { type Extension, readExtensions, writeExtensions } from './extension.ts';
import { type GeneralName, readGeneralName } from './general-name.ts';
import { type OcspCertId, readOcspCertId } from './ocsp-cert-id.ts';
import { findOcspNonce } from './ocsp-nonce.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

/** Limits for one OCSP request: 16 KiB, 16 levels, 4,000 elements. */
export const OCSP_REQUEST_LIMITS: DerLimits = { maxBytes: 16_384, maxDepth: 16, maxElements: 4_000 };

/** Most certificates asked for in one request. */
export const MAX_OCSP_REQUESTS = 100;

/** One question of a request. */
export interface OcspSingleRequest {
  readonly certId: OcspCertId;
  readonly extensions: readonly Extension[];
}

/** A parsed OCSP request (RFC 6960 section 4.1). All octets are views of the input. */
export interface OcspRequest {
  readonly der: Uint8Array;
  /** TBSRequest, as encoded. */
  readonly tbs: Uint8Array;
  readonly requestorName: GeneralName | undefined;
  /** At least one, at most 100. */
  readonly requests: readonly OcspSingleRequest[];
  readonly extensions: readonly Extension[];
  /** 1 to 128 octets (RFC 9654). */
  readonly nonce: Uint8Array | undefined;
  /** True where the request is signed. The signature is read for its form and not checked: it grants nothing here. */
  readonly isSigned: boolean;
}

/**
 * Parses a request, the whole of the input.
 * @throws X509Error where it is not strict DER or not RFC 6960 section 4.1, where it asks for more than 100
 * certificates, or has an unknown critical extension.
 */
export function parseOcspRequest(der: Uint8Array, limits: DerLimits = OCSP_REQUEST_LIMITS): OcspRequest {
  const reader = DerReader.over(der, { limits, path: 'ocspRequest' });
  const outer = reader.enter(TAG.SEQUENCE);
  reader.finish();
  const request = outer.enter(TAG.SEQUENCE);
  const tbs = der.subarray(outer.elementStart, outer.position);
  request.path = 'tbsRequest.version';
  if (request.isNext(constructedContextTag(0)))
    throw request.error('unsupported-version', 'Version 1 is the default, and DER leaves it out', 'next');
  request.path = 'tbsRequest.requestorName';
  const requestorName = readRequestorName(request);
  request.path = 'tbsRequest.requestList';
  const requests = readRequests(request.enter(TAG.SEQUENCE));
  request.path = 'tbsRequest.requestExtensions';
  const extensions = readOcspExtensions(request, 2);
  request.finish();
  const isSigned = !outer.atEnd;
  if (isSigned) skipSignature(outer);
  outer.finish();
  return { der, tbs, requestorName, requests, extensions, nonce: findOcspNonce(extensions), isSigned };
}

function readRequestorName(request: DerReader): GeneralName | undefined {
  if (!request.isNext(constructedContextTag(1))) return undefined;
  const explicit = request.enter(constructedContextTag(1));
  const name = readGeneralName(explicit);
  explicit.finish();
  return name;
}

function readRequests(list: DerReader): OcspSingleRequest[] {
  const requests: OcspSingleRequest[] = [];
  while (!list.atEnd) {
    const single = list.enter(TAG.SEQUENCE);
    if (requests.length >= MAX_OCSP_REQUESTS)
      throw list.error('limit-exceeded', `More than ${MAX_OCSP_REQUESTS} certificates are asked for`);
    const certId = readOcspCertId(single);
    requests.push({ certId, extensions: readOcspExtensions(single, 0) });
    single.finish();
  }
  if (requests.length === 0) throw list.error('invalid-structure', 'A request asks for at least one certificate');
  return requests;
}

/** Optional extensions under an explicit tag. A critical one other than the nonce is refused: it is not understood. */
export function readOcspExtensions(reader: DerReader, tag: number): readonly Extension[] {
  if (!reader.isNext(constructedContextTag(tag))) return [];
  const explicit = reader.enter(constructedContextTag(tag));
  const extensions = readExtensions(explicit);
  explicit.finish();
  const unknown = extensions.find((extension) => extension.critical && extension.oid !== OID.ocspNonce);
  if (unknown !== undefined)
    throw reader.error('unsupported-extension', `Extension ${unknown.oid} is critical and not known`);
  return extensions;
}

function skipSignature(outer: DerReader): void {
  outer.path = 'optionalSignature';
  const explicit = outer.enter(constructedContextTag(0));
  const signature = explicit.enter(TAG.SEQUENCE);
  signature.skip(TAG.SEQUENCE);
  signature.readBitStringOctets();
  if (signature.isNext(constructedContextTag(0))) signature.skip();
  signature.finish();
  explicit.finish();
}

/** What an unsigned request is made of. */
export interface OcspRequestInput {
  /** CertIDs as `encodeOcspCertId` gives them: 1 to 100. */
  readonly certIds: readonly Uint8Array[];
  /** `ocspNonceExtension` and others; may be empty. */
  readonly extensions: readonly Extension[];
}

/** DER of an unsigned OCSP request. @throws X509Error `invalid-argument`. */
export function buildOcspRequest(input: OcspRequestInput): Uint8Array {
  if (input.certIds.length === 0 || input.certIds.length > MAX_OCSP_REQUESTS) {
    throw new X509Error('invalid-argument', `Ask for 1 to ${MAX_OCSP_REQUESTS} certificates`);
  }
  const writer = new DerWriter(256);
  if (input.extensions.length > 0) {
    writeExtensions(writer, input.extensions);
    writer.close(constructedContextTag(2), 0);
  }
  const listEnd = writer.mark();
  for (const certId of input.certIds.toReversed()) {
    const end = writer.mark();
    writer.raw(certId);
    writer.close(TAG.SEQUENCE, end);
  }
  writer.close(TAG.SEQUENCE, listEnd);
  writer.close(TAG.SEQUENCE, 0);
  writer.close(TAG.SEQUENCE, 0);
  return writer.finish();
}
