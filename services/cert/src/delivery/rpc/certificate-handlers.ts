import { create } from '@bufbuild/protobuf';
import {
  type CertificateService,
  type IssueCertificateRequest,
  IssueCertificateRequestSchema,
  type ListCertificatesRequest,
  type RenewCertificateRequest,
  RenewCertificateRequestSchema,
  type RevokeCertificateRequest,
  RevokeCertificateRequestSchema,
} from '@cert-tasks/contracts/cert/v1';
import {
  type CallContext,
  decodePageToken,
  encodePageToken,
  type Handlers,
  pageSizeOf,
  parseOrderBy,
} from '@cert-tasks/rpc';
import type { GetCertificate } from '../../application/get-certificate.ts';
import type { IssueCertificate } from '../../application/issue-certificate.ts';
import type { ListCertificates } from '../../application/list-certificates.ts';
import type { RenewCertificate } from '../../application/renew-certificate.ts';
import type { RevokeCertificate } from '../../application/revoke-certificate.ts';
import { callOrigin } from './call-origin.ts';
import { parseCertificateFilter } from './certificate-filter.ts';
import { formatCertificate, formatDraft } from './format-certificate.ts';
import { formatCursor, parseCursor } from './page-cursor.ts';
import {
  parseAuthorityReference,
  parseCertificateName,
  parseDuration,
  parseEtag,
  parseParent,
  parsePemRequest,
  parseRevocationReason,
} from './parse.ts';
import { requestClaim } from './request-claim.ts';

/** The use cases behind CertificateService. */
export interface CertificateUseCases {
  readonly issue: IssueCertificate;
  readonly get: GetCertificate;
  readonly list: ListCertificates;
  readonly renew: RenewCertificate;
  readonly revoke: RevokeCertificate;
}

/** certtasks.cert.v1.CertificateService: parse, use case, format. */
export function certificateHandlers(useCases: CertificateUseCases): Handlers<typeof CertificateService> {
  return {
    async issueCertificate(ctx, request) {
      const { certificate, issuer } = await useCases.issue.run(parseIssue(ctx, request));
      return { certificate: request.validateOnly ? formatDraft(certificate) : formatCertificate(certificate, issuer) };
    },

    async getCertificate(_ctx, { name }) {
      const { certificate, issuer } = await useCases.get.run(parseCertificateName(name));
      return { certificate: formatCertificate(certificate, issuer) };
    },

    async listCertificates(_ctx, request) {
      const { query, tokenQuery } = parseList(request);
      const { certificates, next } = await useCases.list.run(query);
      return {
        certificates: certificates.map((certificate) => formatCertificate(certificate, undefined)),
        nextPageToken: next === undefined ? '' : encodePageToken(formatCursor(next), tokenQuery),
      };
    },

    async renewCertificate(ctx, request) {
      const { certificate, issuer } = await useCases.renew.run(parseRenew(ctx, request));
      return { certificate: formatCertificate(certificate, issuer) };
    },

    async revokeCertificate(ctx, request) {
      await useCases.revoke.run(parseRevoke(ctx, request));
      const { certificate, issuer } = await useCases.get.run(parseCertificateName(request.name));
      return { certificate: formatCertificate(certificate, issuer) };
    },
  };
}

function parseIssue(ctx: CallContext, request: IssueCertificateRequest): Parameters<IssueCertificate['run']>[0] {
  const project = parseParent(request.parent);
  const { certificationRequest, labels } = request;
  const isPem = certificationRequest.case === 'csrPem';
  const canonical = create(IssueCertificateRequestSchema, { ...request, requestId: '', labels: inOrderOfKeys(labels) });
  return {
    project,
    authorityId: parseAuthorityReference(request.authority, { project, field: 'authority' }),
    profile: request.profile,
    csr: isPem ? parsePemRequest(certificationRequest.value) : (certificationRequest.value ?? new Uint8Array()),
    csrField: isPem ? 'csr_pem' : 'csr_der',
    lifetimeMs: parseDuration(request.lifetime),
    labels,
    claim: requestClaim(ctx, {
      project,
      requestId: request.requestId,
      schema: IssueCertificateRequestSchema,
      canonical,
    }),
    validateOnly: request.validateOnly,
    origin: callOrigin(ctx),
    signal: ctx.signal,
  };
}

function parseRenew(ctx: CallContext, request: RenewCertificateRequest): Parameters<RenewCertificate['run']>[0] {
  const key = parseCertificateName(request.name);
  const canonical = create(RenewCertificateRequestSchema, { ...request, requestId: '' });
  return {
    ...key,
    csr: request.csrDer.length === 0 ? undefined : request.csrDer,
    claim: requestClaim(ctx, {
      project: key.project,
      requestId: request.requestId,
      schema: RenewCertificateRequestSchema,
      canonical,
    }),
    origin: callOrigin(ctx),
    signal: ctx.signal,
  };
}

function parseRevoke(ctx: CallContext, request: RevokeCertificateRequest): Parameters<RevokeCertificate['run']>[0] {
  const key = parseCertificateName(request.name);
  const canonical = create(RevokeCertificateRequestSchema, { ...request, requestId: '' });
  return {
    ...key,
    reason: parseRevocationReason(request.reason),
    version: parseEtag(request.etag),
    claim: requestClaim(ctx, {
      project: key.project,
      requestId: request.requestId,
      schema: RevokeCertificateRequestSchema,
      canonical,
    }),
    origin: callOrigin(ctx),
  };
}

function parseList(request: ListCertificatesRequest): {
  query: Parameters<ListCertificates['run']>[0];
  tokenQuery: Readonly<Record<string, string>>;
} {
  const project = parseParent(request.parent);
  const { filter, orderBy } = request;
  const order = parseOrderBy(orderBy, {
    fields: ['create_time', 'expire_time'],
    whenEmpty: { field: 'create_time', isDescending: true },
  });
  const tokenQuery = { parent: request.parent, filter, orderBy };
  const after = parseCursor(decodePageToken(request.pageToken, tokenQuery));
  return {
    query: {
      project,
      ...parseCertificateFilter(filter, { project }),
      order: { by: order.field === 'create_time' ? 'created' : 'expires', descending: order.isDescending },
      ...(after !== undefined && { after }),
      limit: pageSizeOf(request.pageSize, { whenZero: 50, most: 1_000 }),
    },
    tokenQuery,
  };
}

function inOrderOfKeys(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
