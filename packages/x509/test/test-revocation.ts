import {
  assembleCertificateList,
  assembleOcspResponse,
  authorityKeyIdentifierExtension,
  buildTbsCertList,
  buildTbsOcspResponse,
  type Certificate,
  type CertificateList,
  crlNumberExtension,
  type Extension,
  encodeOcspCertId,
  type Name,
  type OcspDigest,
  type OcspResponse,
  type OcspStatus,
  ocspIssuerId,
  parseCertificateList,
  parseOcspResponse,
  type RevokedCertificateInput,
} from '../src/index.ts';
import { signWith, TEST_NOT_BEFORE, TEST_TIME, type TestAuthority, type TestKey } from './test-authority.ts';

const DAY = 86_400_000;
/** Some days after the time of all tests. */
export function daysOn(days: number): Date {
  return new Date(TEST_TIME.getTime() + days * DAY);
}

/** What differs from an ordinary CRL of a test: current, numbered, with a key identifier. */
export interface TestCrlInput {
  readonly revoked?: readonly (Certificate | RevokedCertificateInput)[];
  readonly number?: bigint;
  readonly extensions?: readonly Extension[];
  /** Identifiers of ordinary extensions to leave out. */
  readonly without?: readonly string[];
  readonly thisUpdate?: Date;
  readonly nextUpdate?: Date;
  readonly issuer?: Name;
  readonly key?: TestKey;
}

/** An entry for a certificate, revoked at the beginning of the year. */
export function entryFor(
  certificate: Certificate,
  difference: Partial<RevokedCertificateInput> = {},
): RevokedCertificateInput {
  return {
    serialNumber: certificate.serialNumber,
    revocationDate: TEST_NOT_BEFORE,
    reason: 'keyCompromise',
    ...difference,
  };
}

/** A CRL signed by an authority. */
export function newCrl(authority: TestAuthority, input: TestCrlInput = {}): CertificateList {
  const key = input.key ?? authority.key;
  const replaced = new Set([...(input.without ?? []), ...(input.extensions ?? []).map(({ oid }) => oid)]);
  const ordinary = [authorityKeyIdentifierExtension(key.publicKey.keyId()), crlNumberExtension(input.number ?? 1n)];
  const tbs = buildTbsCertList({
    signatureAlgorithm: 'ecdsa-sha256',
    issuer: input.issuer ?? authority.certificate.subject,
    thisUpdate: input.thisUpdate ?? daysOn(-1),
    nextUpdate: input.nextUpdate ?? daysOn(1),
    revoked: (input.revoked ?? []).map((entry) => ('der' in entry ? entryFor(entry) : entry)),
    extensions: [...ordinary.filter(({ oid }) => !replaced.has(oid)), ...(input.extensions ?? [])],
  });
  return parseCertificateList(
    assembleCertificateList({ tbs, signatureAlgorithm: 'ecdsa-sha256', signature: signWith(key, tbs) }),
  );
}

/** What differs from an ordinary OCSP response of a test: current, signed by the issuer, named by key. */
export interface TestOcspInput {
  readonly status?: OcspStatus;
  readonly digest?: OcspDigest;
  readonly thisUpdate?: Date;
  readonly nextUpdate?: Date;
  readonly producedAt?: Date;
  readonly extensions?: readonly Extension[];
  /** A responder other than the issuer. */
  readonly responder?: { readonly certificate: Certificate; readonly key: TestKey };
  readonly byName?: boolean;
  readonly certificates?: readonly Uint8Array[];
}

/** An OCSP response about one certificate. */
export function newOcspResponse(
  issuer: TestAuthority,
  certificate: Certificate,
  input: TestOcspInput = {},
): OcspResponse {
  const responder = input.responder ?? issuer;
  const id = ocspIssuerId(
    { name: issuer.certificate.subject, publicKey: issuer.certificate.publicKey },
    input.digest ?? 'sha1',
  );
  const tbs = buildTbsOcspResponse({
    responderId: input.byName
      ? { kind: 'name', name: responder.certificate.subject }
      : { kind: 'key', keyHash: responder.key.publicKey.keyId() },
    producedAt: input.producedAt ?? daysOn(-1),
    responses: [
      {
        certId: encodeOcspCertId(id, certificate.serialNumber),
        status: input.status ?? { kind: 'good' },
        thisUpdate: input.thisUpdate ?? daysOn(-1),
        nextUpdate: input.nextUpdate ?? daysOn(1),
      },
    ],
    extensions: input.extensions ?? [],
  });
  const certificates = input.certificates ?? (input.responder === undefined ? [] : [input.responder.certificate.der]);
  return parseOcspResponse(
    assembleOcspResponse({
      tbs,
      signatureAlgorithm: 'ecdsa-sha256',
      signature: signWith(responder.key, tbs),
      certificates,
    }),
  );
}
