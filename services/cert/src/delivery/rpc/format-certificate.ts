import { hash } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type CertificateSchema, CertificateState, RevocationReason } from '@cert-tasks/contracts/cert/v1';
import { encodePem } from '@cert-tasks/x509';
import { type Authority, authorityName } from '../../domain/authority.ts';
import { type Certificate, certificateName, isReleased } from '../../domain/certificate.ts';
import type { RevocationReason as Reason } from '../../domain/revocation-reason.ts';
import { formatSerial } from '../../domain/serial.ts';
import { pemChain } from './pem-chain.ts';

const STATES: Readonly<Record<Certificate['state'], CertificateState>> = {
  pending: CertificateState.PENDING,
  issued: CertificateState.ISSUED,
  revoked: CertificateState.REVOKED,
  failed: CertificateState.FAILED,
};

const REASONS: Readonly<Record<Reason, RevocationReason>> = {
  'not-stated': RevocationReason.NOT_STATED,
  'key-compromise': RevocationReason.KEY_COMPROMISE,
  'ca-compromise': RevocationReason.CA_COMPROMISE,
  'affiliation-changed': RevocationReason.AFFILIATION_CHANGED,
  superseded: RevocationReason.SUPERSEDED,
  'cessation-of-operation': RevocationReason.CESSATION_OF_OPERATION,
  'privilege-withdrawn': RevocationReason.PRIVILEGE_WITHDRAWN,
};

type WireCertificate = MessageInitShape<typeof CertificateSchema>;

/** A certificate as the contract shows it; with its issuer's chain under it, where that is given. */
export function formatCertificate(certificate: Certificate, issuer: Authority | undefined): WireCertificate {
  const { project, revocation, renewedFrom, replacedBy } = certificate;
  return {
    ...formatDraft(certificate),
    name: certificateName(certificate),
    state: STATES[certificate.state],
    serialNumber: formatSerial(certificate.serial),
    ...(isReleased(certificate) && {
      certificateDer: certificate.der,
      fingerprintSha256: hash('sha256', certificate.der, 'hex'),
      pemChain:
        issuer === undefined
          ? []
          : [encodePem('CERTIFICATE', certificate.der), ...pemChain(chainBelow(certificate, issuer))],
    }),
    createTime: timestampFromDate(certificate.createdAt),
    ...(revocation !== undefined && {
      revocation: { revokeTime: timestampFromDate(revocation.at), reason: REASONS[revocation.reason] },
    }),
    ...(renewedFrom !== undefined && { renewedFrom: certificateName({ project, id: renewedFrom }) }),
    ...(replacedBy !== undefined && { replacedBy: certificateName({ project, id: replacedBy }) }),
    crlShard: certificate.crlShard,
    etag: certificate.version.toString(),
  };
}

/** What a dry run ends with: what the certificate would say, without what only an issued one has. */
export function formatDraft(certificate: Certificate) {
  return {
    state: CertificateState.PENDING,
    authority: authorityName({ project: certificate.project, id: certificate.authorityId }),
    profile: certificate.profile,
    profileRevision: certificate.profileRevision,
    subject: certificate.subject,
    dnsNames: [...certificate.names.dnsNames],
    ipAddresses: [...certificate.names.ipAddresses],
    uris: [...certificate.names.uris],
    emailAddresses: [...certificate.names.emailAddresses],
    notBeforeTime: timestampFromDate(certificate.notBefore),
    notAfterTime: timestampFromDate(certificate.notAfter),
    publicKeySha256: hash('sha256', certificate.spki, 'hex'),
    labels: { ...certificate.labels },
    renewalWindow: {
      startTime: timestampFromDate(certificate.renewal.start),
      endTime: timestampFromDate(certificate.renewal.end),
    },
  } satisfies WireCertificate;
}

/** A root's own certificate has nothing above it: its issuer is itself. */
function chainBelow({ id }: Certificate, issuer: Authority): readonly Uint8Array[] {
  return issuer.certificateId === id ? issuer.chain.slice(1) : issuer.chain;
}
