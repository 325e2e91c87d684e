import { type DerLimits, DerReader } from './der-reader.ts';
import { constructedContextTag, TAG } from './der-tag.ts';
import { DerWriter, writeSetOf } from './der-writer.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

/** Limits for one bundle: 4 MiB, 24 levels, 500,000 elements. */
export const CERTIFICATE_BUNDLE_LIMITS: DerLimits = { maxBytes: 4_194_304, maxDepth: 24, maxElements: 500_000 };

/** Most certificates and CRLs read from one bundle. */
const MAX_MEMBERS = 1000;

/** What a certs-only PKCS#7 holds: DER of each certificate and CRL, not parsed. The format gives their order no meaning. */
export interface CertificateBundle {
  readonly certificates: readonly Uint8Array[];
  readonly crls: readonly Uint8Array[];
}

/**
 * Reads a certs-only PKCS#7 / CMS bundle (RFC 2315 section 9, RFC 5652 section 5, RFC 8551 section 3.2.2), the whole of
 * the input: signed data without content and without signers. Strict DER but for the order of its sets, which most tools
 * leave as they got them; BER of indefinite length is refused.
 * @throws X509Error where it is something else, or has more than 1,000 members.
 */
export function parseCertificateBundle(
  der: Uint8Array,
  limits: DerLimits = CERTIFICATE_BUNDLE_LIMITS,
): CertificateBundle {
  const reader = DerReader.over(der, { limits, path: 'contentInfo' });
  const info = reader.enter(TAG.SEQUENCE);
  reader.finish();
  if (info.readOid() !== OID.pkcs7SignedData) throw info.error('invalid-structure', 'The content is not signed data');
  const explicit = info.enter(constructedContextTag(0));
  info.finish();
  const signed = explicit.enter(TAG.SEQUENCE);
  explicit.finish();
  signed.path = 'signedData.version';
  if (signed.readSmallInteger(255) !== 1) throw signed.error('unsupported-version', 'The version must be 1');
  signed.path = 'signedData.digestAlgorithms';
  signed.skip(TAG.SET);
  signed.path = 'signedData.contentInfo';
  const content = signed.enter(TAG.SEQUENCE);
  if (content.readOid() !== OID.pkcs7Data) throw content.error('invalid-structure', 'The inner type must be data');
  if (!content.atEnd) throw content.error('invalid-structure', 'A bundle of certificates has no content', 'next');
  signed.path = 'signedData.certificates';
  const certificates = readMembers(signed, constructedContextTag(0));
  signed.path = 'signedData.crls';
  const crls = readMembers(signed, constructedContextTag(1));
  signed.path = 'signedData.signerInfos';
  if (!signed.enter(TAG.SET).atEnd) throw signed.error('invalid-structure', 'A bundle of certificates has no signers');
  signed.finish();
  return { certificates, crls };
}

function readMembers(signed: DerReader, tag: number): Uint8Array[] {
  if (!signed.isNext(tag)) return [];
  const set = signed.enter(tag);
  const members: Uint8Array[] = [];
  while (!set.atEnd) {
    if (members.length >= MAX_MEMBERS)
      throw set.error('limit-exceeded', `The bundle has more than ${MAX_MEMBERS} members`);
    members.push(set.readRaw(TAG.SEQUENCE));
  }
  return members;
}

/**
 * DER of a certs-only bundle, in the form that OpenSSL, Java and Windows read. Members are put in DER order of a SET, so a
 * reader must build the chain by itself.
 * @throws X509Error `invalid-argument` for a bundle without members, or with too many.
 */
export function buildCertificateBundle(bundle: CertificateBundle): Uint8Array {
  const count = bundle.certificates.length + bundle.crls.length;
  if (count === 0 || count > MAX_MEMBERS)
    throw new X509Error('invalid-argument', `Give 1 to ${MAX_MEMBERS} certificates and CRLs`);
  const writer = new DerWriter(4096);
  writer.header(TAG.SET, 0);
  if (bundle.crls.length > 0) writeSetOf(writer, bundle.crls, constructedContextTag(1));
  if (bundle.certificates.length > 0) writeSetOf(writer, bundle.certificates, constructedContextTag(0));
  const contentEnd = writer.mark();
  writer.oid(OID.pkcs7Data);
  writer.close(TAG.SEQUENCE, contentEnd);
  writer.header(TAG.SET, 0);
  writer.integer(1);
  writer.close(TAG.SEQUENCE, 0);
  writer.close(constructedContextTag(0), 0);
  writer.oid(OID.pkcs7SignedData);
  writer.close(TAG.SEQUENCE, 0);
  return writer.finish();
}
