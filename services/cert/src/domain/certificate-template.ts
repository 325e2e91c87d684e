import {
  authorityInfoAccessExtension,
  authorityKeyIdentifierExtension,
  basicConstraintsExtension,
  buildName,
  buildTbsCertificate,
  buildTbsCertList,
  crlDistributionPointsExtension,
  crlNumberExtension,
  extendedKeyUsageExtension,
  type GeneralName,
  issuingDistributionPointExtension,
  keyUsageExtension,
  type Name,
  OID,
  type SignatureAlgorithm,
  subjectAltNameExtension,
  subjectKeyIdentifierExtension,
  type RevocationReason as X509RevocationReason,
} from '@cert-tasks/x509';
import { type ActiveAuthority, authorityKey, type KeyAlgorithm, type KeyedAuthority } from './authority.ts';
import type { SubjectAlternativeNames } from './certificate.ts';
import { crlShard, crlUrl, issuerUrl } from './crl-shard.ts';
import type { DistinguishedName } from './distinguished-name.ts';
import type { IssuanceRequest } from './issuance-request.ts';
import type { RevocationReason } from './revocation-reason.ts';

/** How early validity and CRLs begin, for clocks that are behind (DESIGN: time). */
export const BACKDATE_MS = 5 * 60 * 1000;

const SIGNATURE_ALGORITHM: Readonly<Record<KeyAlgorithm, SignatureAlgorithm>> = {
  'ec-p256': 'ecdsa-sha256',
  'ec-p384': 'ecdsa-sha384',
  'rsa-2048': 'rsa-sha256',
  'rsa-3072': 'rsa-sha256',
  'rsa-4096': 'rsa-sha256',
  ed25519: 'ed25519',
};

/** The signature algorithm of an authority's key (DESIGN section 7). */
export function signatureAlgorithm(keyAlgorithm: KeyAlgorithm): SignatureAlgorithm {
  return SIGNATURE_ALGORITHM[keyAlgorithm];
}

/** A distinguished name in DER, country first as custom has it. @throws X509Error `invalid-name` and others. */
export function buildDistinguishedName(subject: DistinguishedName): Name {
  const parts = [
    { type: 'C', value: subject.country },
    { type: 'ST', value: subject.province },
    { type: 'L', value: subject.locality },
    { type: 'O', value: subject.organization },
    { type: 'OU', value: subject.organizationalUnit },
    { type: 'CN', value: subject.commonName },
  ];
  return buildName(parts.flatMap(({ type, value }) => (value === undefined ? [] : [{ type, value }])));
}

/** Validity in whole seconds: five minutes early, the lifetime from now, never past the issuer's. */
export function validity(input: { now: Date; lifetimeMs: number; issuerNotAfter: Date | undefined }): {
  notBefore: Date;
  notAfter: Date;
} {
  const end = input.now.getTime() + input.lifetimeMs;
  return {
    notBefore: wholeSecond(input.now.getTime() - BACKDATE_MS),
    notAfter: wholeSecond(Math.min(end, input.issuerNotAfter?.getTime() ?? end)),
  };
}

/**
 * The exact bytes of an end-entity certificate (RFC 5280, 4.1). The subject is empty, so the names are critical
 * (4.2.1.6).
 */
export function endEntityTbs(input: {
  readonly issuer: ActiveAuthority;
  readonly request: IssuanceRequest;
  readonly serial: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
}): Uint8Array {
  const { issuer, request, serial } = input;
  const { profile, publicKey } = request;
  const shard = crlShard({ serial, shardCount: issuer.crlShardCount });
  const place = { pkiBaseUrl: issuer.pkiBaseUrl, authorityUid: issuer.uid };
  return buildTbsCertificate({
    serialNumber: serialNumber(serial),
    signatureAlgorithm: signatureAlgorithm(issuer.keyAlgorithm),
    issuer: issuer.subjectDer,
    notBefore: input.notBefore,
    notAfter: input.notAfter,
    subject: buildName([]),
    spki: publicKey.der,
    extensions: [
      keyUsageExtension({
        usages: publicKey.details.kind === 'rsa' ? profile.rsaKeyUsages : profile.keyUsages,
        critical: true,
      }),
      extendedKeyUsageExtension({ purposes: profile.extendedKeyUsages, critical: false }),
      basicConstraintsExtension({ ca: false, pathLength: undefined, critical: true }),
      subjectKeyIdentifierExtension(publicKey.keyId()),
      authorityKeyIdentifierExtension(authorityKey(issuer).keyId()),
      subjectAltNameExtension({ names: generalNames(request.names), critical: true }),
      crlDistributionPointsExtension([crlUrl({ ...place, shard })]),
      authorityInfoAccessExtension([caIssuers(issuerUrl(place))]),
    ],
  });
}

/** The exact bytes of an authority's certificate: a root's names itself as issuer and carries no URLs. */
export function authorityTbs(input: {
  readonly subject: KeyedAuthority;
  /** Undefined for a root. */
  readonly issuer: ActiveAuthority | undefined;
  readonly serial: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
}): Uint8Array {
  const { subject, issuer, serial } = input;
  const publicKey = authorityKey(subject);
  const issuerKey = issuer === undefined ? publicKey : authorityKey(issuer);
  return buildTbsCertificate({
    serialNumber: serialNumber(serial),
    signatureAlgorithm: signatureAlgorithm((issuer ?? subject).keyAlgorithm),
    issuer: (issuer ?? subject).subjectDer,
    notBefore: input.notBefore,
    notAfter: input.notAfter,
    subject: subject.subjectDer,
    spki: subject.spki,
    extensions: [
      keyUsageExtension({ usages: ['keyCertSign', 'cRLSign'], critical: true }),
      basicConstraintsExtension({ ca: true, pathLength: issuer === undefined ? undefined : 0, critical: true }),
      subjectKeyIdentifierExtension(publicKey.keyId()),
      authorityKeyIdentifierExtension(issuerKey.keyId()),
      ...(issuer === undefined ? [] : issuedBy(issuer, serial)),
    ],
  });
}

/**
 * The exact bytes of a shard's CRL (RFC 5280, 5.1), its distribution point critical and equal to what certificates
 * name.
 */
export function crlTbs(input: {
  readonly issuer: ActiveAuthority;
  readonly shard: number;
  readonly number: bigint;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  readonly entries: readonly {
    readonly serial: Uint8Array;
    readonly revokedAt: Date;
    readonly reason: RevocationReason;
  }[];
}): Uint8Array {
  const { issuer } = input;
  const url = crlUrl({ pkiBaseUrl: issuer.pkiBaseUrl, authorityUid: issuer.uid, shard: input.shard });
  return buildTbsCertList({
    signatureAlgorithm: signatureAlgorithm(issuer.keyAlgorithm),
    issuer: issuer.subjectDer,
    thisUpdate: input.thisUpdate,
    nextUpdate: input.nextUpdate,
    revoked: input.entries.map(({ serial, revokedAt, reason }) => ({
      serialNumber: serialNumber(serial),
      revocationDate: wholeSecond(revokedAt.getTime()),
      reason: X509_REASON[reason],
    })),
    extensions: [
      authorityKeyIdentifierExtension(authorityKey(issuer).keyId()),
      crlNumberExtension(input.number),
      ...(issuer.crlShardCount > 1 ? [issuingDistributionPointExtension({ urls: [url], onlyContains: 'all' })] : []),
    ],
  });
}

const X509_REASON: Readonly<Record<RevocationReason, X509RevocationReason>> = {
  'not-stated': 'unspecified',
  'key-compromise': 'keyCompromise',
  'ca-compromise': 'cACompromise',
  'affiliation-changed': 'affiliationChanged',
  superseded: 'superseded',
  'cessation-of-operation': 'cessationOfOperation',
  'privilege-withdrawn': 'privilegeWithdrawn',
};

function issuedBy(issuer: ActiveAuthority, serial: Uint8Array): ReturnType<typeof keyUsageExtension>[] {
  const place = { pkiBaseUrl: issuer.pkiBaseUrl, authorityUid: issuer.uid };
  const shard = crlShard({ serial, shardCount: issuer.crlShardCount });
  return [
    crlDistributionPointsExtension([crlUrl({ ...place, shard })]),
    authorityInfoAccessExtension([caIssuers(issuerUrl(place))]),
  ];
}

function caIssuers(url: string): { method: string; location: GeneralName } {
  return { method: OID.accessCaIssuers, location: { kind: 'uri', value: url } };
}

function generalNames(names: SubjectAlternativeNames): GeneralName[] {
  const named =
    (kind: 'dns' | 'ip' | 'uri' | 'email') =>
    (value: string): GeneralName => ({ kind, value });
  return [
    ...names.dnsNames.map(named('dns')),
    ...names.ipAddresses.map(named('ip')),
    ...names.uris.map(named('uri')),
    ...names.emailAddresses.map(named('email')),
  ];
}

/** Times in certificates and CRLs have no fractions (RFC 5280, 4.1.2.5). */
function wholeSecond(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}

function serialNumber(serial: Uint8Array): bigint {
  return serial.reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
}
