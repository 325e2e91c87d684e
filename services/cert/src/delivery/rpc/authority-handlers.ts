import { create } from '@bufbuild/protobuf';
import {
  type AuthorityService,
  AuthorityType,
  type CreateAuthorityRequest,
  CreateAuthorityRequestSchema,
  type DistinguishedName as WireName,
} from '@cert-tasks/contracts/cert/v1';
import { type CallContext, decodePageToken, encodePageToken, type Handlers, pageSizeOf } from '@cert-tasks/rpc';
import type { CreateAuthority } from '../../application/create-authority.ts';
import type { GetAuthority } from '../../application/get-authority.ts';
import type { ListAuthorities } from '../../application/list-authorities.ts';
import type { DistinguishedName } from '../../domain/distinguished-name.ts';
import { callOrigin } from './call-origin.ts';
import { formatAuthority, formatAuthorityDraft } from './format-authority.ts';
import { formatCursor, parseCursor } from './page-cursor.ts';
import { parseAuthorityName, parseAuthorityReference, parseDuration, parseKeyAlgorithm, parseParent } from './parse.ts';
import { requestClaim } from './request-claim.ts';

/** The use cases behind AuthorityService. */
export interface AuthorityUseCases {
  readonly create: CreateAuthority;
  readonly get: GetAuthority;
  readonly list: ListAuthorities;
}

/** certtasks.cert.v1.AuthorityService: parse, use case, format. */
export function authorityHandlers(useCases: AuthorityUseCases): Handlers<typeof AuthorityService> {
  return {
    async createAuthority(ctx, request) {
      const authority = await useCases.create.run(parseCreate(ctx, request));
      return { authority: request.validateOnly ? formatAuthorityDraft(authority) : formatAuthority(authority) };
    },

    async getAuthority(_ctx, { name }) {
      return { authority: formatAuthority(await useCases.get.run(parseAuthorityName(name, { field: 'name' }))) };
    },

    async listAuthorities(_ctx, { parent, pageSize, pageToken }) {
      const project = parseParent(parent);
      const cursor = parseCursor(decodePageToken(pageToken, { parent }));
      const after = cursor && { createdAt: cursor.at, uid: cursor.id };
      const limit = pageSizeOf(pageSize, { whenZero: 50, most: 1_000 });
      const { authorities, next } = await useCases.list.run({ project, after, limit });
      return {
        authorities: authorities.map(formatAuthority),
        nextPageToken:
          next === undefined ? '' : encodePageToken(formatCursor({ at: next.createdAt, id: next.uid }), { parent }),
      };
    },
  };
}

function parseCreate(ctx: CallContext, request: CreateAuthorityRequest): Parameters<CreateAuthority['run']>[0] {
  const project = parseParent(request.parent);
  const canonical = create(CreateAuthorityRequestSchema, { ...request, requestId: '' });
  return {
    project,
    id: request.authorityId,
    type: request.type === AuthorityType.ROOT ? 'root' : 'subordinate',
    subject: parseSubject(request.subject),
    issuerId: parseAuthorityReference(request.issuer, { project, field: 'issuer' }),
    keyAlgorithm: parseKeyAlgorithm(request.keyAlgorithm),
    lifetimeMs: parseDuration(request.lifetime),
    crlShardCount: request.crlShardCount === 0 ? 1 : request.crlShardCount,
    claim: requestClaim(ctx, {
      project,
      requestId: request.requestId,
      schema: CreateAuthorityRequestSchema,
      canonical,
    }),
    validateOnly: request.validateOnly,
    origin: callOrigin(ctx),
  };
}

/** Empty attributes are absent ones. */
function parseSubject(subject: WireName | undefined): DistinguishedName {
  const { commonName = '', organization, organizationalUnit, country, province, locality } = subject ?? {};
  return {
    commonName,
    ...(organization && { organization }),
    ...(organizationalUnit && { organizationalUnit }),
    ...(country && { country }),
    ...(province && { province }),
    ...(locality && { locality }),
  };
}
