import { type FilterField, type FilterTerm, parseFilter, RpcInputError } from '@cert-tasks/rpc';
import type { CertificateQuery } from '../../application/ports/certificate-store.ts';
import type { Certificate } from '../../domain/certificate.ts';
import { parseAuthorityName } from './parse.ts';

/** What a list can be filtered by (the contract of ListCertificates). */
const FIELDS = {
  state: { kind: 'enum', values: ['PENDING', 'ISSUED', 'REVOKED', 'FAILED'] },
  authority: { kind: 'text' },
  profile: { kind: 'text' },
  serial_number: { kind: 'text' },
  dns_name: { kind: 'text' },
  public_key_sha256: { kind: 'text' },
  fingerprint_sha256: { kind: 'text' },
  expire_time: { kind: 'time' },
  labels: { kind: 'map' },
} as const satisfies Readonly<Record<string, FilterField>>;

type Conditions = Omit<CertificateQuery, 'project' | 'order' | 'after' | 'limit'>;

/**
 * The conditions that a filter states.
 * @throws RpcInputError `invalid-filter`; also for a field stated twice, save for times and labels.
 */
export function parseCertificateFilter(filter: string, { project }: { project: string }): Conditions {
  const terms = parseFilter(filter, FIELDS);
  refuseRepeats(terms);
  const expires: { operator: NonNullable<CertificateQuery['expires']>[number]['operator']; at: Date }[] = [];
  const labels: { key: string; value: string }[] = [];
  let conditions: Conditions = {};
  for (const term of terms) {
    if (term.kind === 'time') expires.push({ operator: term.operator, at: inRange(term.value) });
    else if (term.kind === 'map') labels.push({ key: term.key, value: term.value });
    else conditions = { ...conditions, ...textCondition(term.field, { value: term.value, project }) };
  }
  return {
    ...conditions,
    ...(expires.length > 0 && { expires }),
    ...(labels.length > 0 && { labels }),
  };
}

const STATES: ReadonlyMap<string, Certificate['state']> = new Map([
  ['PENDING', 'pending'],
  ['ISSUED', 'issued'],
  ['REVOKED', 'revoked'],
  ['FAILED', 'failed'],
]);

function textCondition(field: string, { value, project }: { value: string; project: string }): Conditions {
  switch (field) {
    case 'state': {
      const state = STATES.get(value);
      return state === undefined ? {} : { state };
    }
    case 'authority': {
      const key = parseAuthorityName(value, { field: 'filter' });
      // Another project's authority has issued nothing here; no id is empty.
      return { authorityId: key.project === project ? key.id : '' };
    }
    case 'profile':
      return { profile: value };
    case 'serial_number':
      return { serial: hex(field, { value: value.padStart(40, '0'), digits: 40 }) };
    case 'dns_name':
      return { dnsName: value.toLowerCase() };
    case 'public_key_sha256':
      return { publicKeySha256: hex(field, { value, digits: 64 }) };
    default:
      return { fingerprintSha256: hex(field, { value, digits: 64 }) };
  }
}

/** Offsets can move a time out of the years that the database knows. */
function inRange(at: Date): Date {
  if (at.getUTCFullYear() >= 1 && at.getUTCFullYear() <= 9999) return at;
  throw new RpcInputError('invalid-filter', 'The filter takes times of the years 1 to 9999.', { field: 'filter' });
}

function hex(field: string, { value, digits }: { value: string; digits: number }): Uint8Array {
  if (value.length === digits && /^[0-9a-fA-F]+$/.test(value)) return Uint8Array.fromHex(value);
  throw new RpcInputError('invalid-filter', `The filter compares ${field} with ${digits} hexadecimal digits.`, {
    field: 'filter',
  });
}

function refuseRepeats(terms: readonly FilterTerm[]): void {
  const seen = new Set<string>();
  for (const term of terms) {
    if (term.kind === 'time') continue;
    const name = term.kind === 'map' ? `${term.field}.${term.key}` : term.field;
    if (seen.has(name)) {
      throw new RpcInputError('invalid-filter', `The filter states ${name} twice.`, { field: 'filter' });
    }
    seen.add(name);
  }
}
