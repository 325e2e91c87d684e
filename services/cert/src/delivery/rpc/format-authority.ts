import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type AuthoritySchema, AuthorityState, AuthorityType } from '@cert-tasks/contracts/cert/v1';
import { KeyAlgorithm as WireAlgorithm } from '@cert-tasks/contracts/signer/v1';
import { type Authority, authorityName, type KeyAlgorithm } from '../../domain/authority.ts';
import type { DistinguishedName } from '../../domain/distinguished-name.ts';
import { pemChain } from './pem-chain.ts';

const TYPES: Readonly<Record<Authority['type'], AuthorityType>> = {
  root: AuthorityType.ROOT,
  subordinate: AuthorityType.SUBORDINATE,
};

const STATES: Readonly<Record<Authority['state'], AuthorityState>> = {
  creating: AuthorityState.CREATING,
  active: AuthorityState.ACTIVE,
};

const ALGORITHMS: Readonly<Record<KeyAlgorithm, WireAlgorithm>> = {
  'ec-p256': WireAlgorithm.EC_P256,
  'ec-p384': WireAlgorithm.EC_P384,
  'rsa-2048': WireAlgorithm.RSA_2048,
  'rsa-3072': WireAlgorithm.RSA_3072,
  'rsa-4096': WireAlgorithm.RSA_4096,
  ed25519: WireAlgorithm.ED25519,
};

type WireAuthority = MessageInitShape<typeof AuthoritySchema>;

/** An authority as the contract shows it. */
export function formatAuthority(authority: Authority): WireAuthority {
  return {
    ...formatAuthorityDraft(authority),
    uid: authority.uid,
    key: authority.keyName,
    ...(authority.certificate !== undefined && { certificateDer: authority.certificate }),
    pemChain: [...pemChain(authority.chain)],
    ...(authority.notBefore !== undefined && { notBeforeTime: timestampFromDate(authority.notBefore) }),
    ...(authority.notAfter !== undefined && { notAfterTime: timestampFromDate(authority.notAfter) }),
    createTime: timestampFromDate(authority.createdAt),
    etag: authority.version.toString(),
  };
}

/** What a dry run ends with: without uid, key and certificate. */
export function formatAuthorityDraft(authority: Authority): WireAuthority {
  const { project, issuerId } = authority;
  return {
    name: authorityName(authority),
    type: TYPES[authority.type],
    state: STATES[authority.state],
    subject: formatSubject(authority.subject),
    issuer: issuerId === '' ? '' : authorityName({ project, id: issuerId }),
    keyAlgorithm: ALGORITHMS[authority.keyAlgorithm],
    crlShardCount: authority.crlShardCount,
  };
}

function formatSubject(subject: DistinguishedName): NonNullable<WireAuthority['subject']> {
  const {
    commonName,
    organization = '',
    organizationalUnit = '',
    country = '',
    province = '',
    locality = '',
  } = subject;
  return { commonName, organization, organizationalUnit, country, province, locality };
}
