import type { Certificate } from './certificate.ts';
import { isDnsNameOrWildcard } from './dns-name.ts';
import { describeGeneralName, type GeneralName } from './general-name.ts';
import { isInNetwork, parseIpAddress, parseIpNetwork } from './ip-address.ts';
import { parseMailbox } from './mailbox.ts';
import { isEmptyName, nameValues } from './name.ts';
import { isNameWithin } from './name-comparison.ts';
import { isWellFormedConstraint, type NameConstraint, type NameConstraints } from './name-constraints.ts';
import { OID } from './oid.ts';

/** Counts down comparisons; `spend` gives false when there are none left. */
export interface WorkBudget {
  spend(amount: number): boolean;
}

/** What a check of names against constraints came to: fine, or why not. */
export type NameConstraintResult =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'refused'; readonly detail: string }
  | { readonly kind: 'out-of-work' };

const ALLOWED: NameConstraintResult = { kind: 'allowed' };

/** All names of a certificate that constraints apply to (RFC 5280 section 4.2.1.10): subject, its e-mail addresses, SAN. */
export function constrainedNames(certificate: Certificate): readonly GeneralName[] {
  const subject: GeneralName[] = isEmptyName(certificate.subject)
    ? []
    : [{ kind: 'directoryName', name: certificate.subject }];
  const mailboxes = nameValues(certificate.subject, 'emailAddress').map(
    (value): GeneralName => ({ kind: 'email', value }),
  );
  return [...subject, ...mailboxes, ...(certificate.subjectAltName ?? [])];
}

/**
 * Checks names against the constraints of one CA (RFC 5280 section 6.1.3 b and c). Excluded wins over permitted. A name
 * of a constrained kind that cannot be understood is refused, and so are constraints that cannot be.
 */
export function checkNameConstraints(
  names: readonly GeneralName[],
  constraints: NameConstraints,
  budget: WorkBudget,
): NameConstraintResult {
  const all = [...constraints.permitted, ...constraints.excluded];
  const malformed = all.find((constraint) => !isUsable(constraint));
  if (malformed !== undefined) return refused('a name constraint is malformed');
  for (const name of names) {
    if (!budget.spend(all.length)) return { kind: 'out-of-work' };
    const result = checkName(name, constraints);
    if (result.kind !== 'allowed') return result;
  }
  return ALLOWED;
}

function isUsable(constraint: NameConstraint): boolean {
  return constraint.kind === 'dns' || constraint.kind === 'uri' || constraint.kind === 'email'
    ? isWellFormedConstraint(constraint)
    : true;
}

function checkName(name: GeneralName, constraints: NameConstraints): NameConstraintResult {
  const applies = (constraint: NameConstraint): boolean => constraintAppliesTo(constraint, name);
  const permitted = constraints.permitted.filter(applies);
  const excluded = constraints.excluded.filter(applies);
  if (permitted.length + excluded.length === 0) return ALLOWED;
  if (!isUnderstood(name))
    return refused(`${describeGeneralName(name)} cannot be compared with the constraints on its kind`);
  if (excluded.some((constraint) => isWithin(name, constraint, 'any')))
    return refused(`${describeGeneralName(name)} is excluded`);
  if (permitted.length > 0 && !permitted.some((constraint) => isWithin(name, constraint, 'all'))) {
    return refused(`${describeGeneralName(name)} is not permitted`);
  }
  return ALLOWED;
}

function refused(detail: string): NameConstraintResult {
  return { kind: 'refused', detail };
}

function constraintAppliesTo(constraint: NameConstraint, name: GeneralName): boolean {
  // An internationalised mailbox is an otherName, and constraints on mailboxes apply to it (RFC 9598 section 6).
  if (name.kind === 'otherName' && name.typeId === OID.smtpUtf8Mailbox && constraint.kind === 'email') return true;
  return constraint.kind === 'unsupported' ? constraint.nameKind === name.kind : constraint.kind === name.kind;
}

function isUnderstood(name: GeneralName): boolean {
  switch (name.kind) {
    case 'dns':
      return isDnsNameOrWildcard(name.value, 1);
    case 'email':
      return parseMailbox(name.value) !== undefined;
    case 'uri':
      return uriHost(name.value) !== undefined;
    case 'ip':
    case 'directoryName':
      return true;
    default:
      return false;
  }
}

/**
 * Whether a name lies in a subtree. A wildcard stands for many names: `any` asks whether one of them does (for excluded
 * subtrees), `all` whether all do (for permitted ones).
 */
function isWithin(name: GeneralName, constraint: NameConstraint, wildcard: 'any' | 'all'): boolean {
  if (name.kind === 'directoryName' && constraint.kind === 'directoryName')
    return isNameWithin(name.name, constraint.name);
  if (name.kind === 'dns' && constraint.kind === 'dns')
    return isDnsWithin(name.value.toLowerCase(), constraint.value.toLowerCase(), wildcard);
  if (name.kind === 'ip' && constraint.kind === 'ip') return isIpWithin(name.value, constraint.value);
  if (name.kind === 'email' && constraint.kind === 'email') return isMailboxWithin(name.value, constraint.value);
  if (name.kind === 'uri' && constraint.kind === 'uri')
    return isHostWithin(uriHost(name.value) ?? '', constraint.value);
  return false;
}

function isDnsWithin(name: string, constraint: string, wildcard: 'any' | 'all'): boolean {
  if (constraint === '' || name === constraint) return true;
  const suffix = constraint.startsWith('.') ? constraint : `.${constraint}`;
  if (name.endsWith(suffix)) return true;
  // `*.example.com` may stand for `bar.example.com`, so excluding the latter excludes the wildcard.
  return (
    wildcard === 'any' &&
    name.startsWith('*.') &&
    !constraint.startsWith('.') &&
    constraint.slice(constraint.indexOf('.')) === name.slice(1)
  );
}

function isIpWithin(address: string, network: string): boolean {
  const [octets, range] = [parseIpAddress(address), parseIpNetwork(network)];
  return octets !== undefined && range !== undefined && isInNetwork(octets, range);
}

function isMailboxWithin(address: string, constraint: string): boolean {
  const mailbox = parseMailbox(address);
  if (mailbox === undefined) return false;
  const wanted = parseMailbox(constraint);
  if (wanted === undefined) return isHostWithin(mailbox.host, constraint);
  return mailbox.local === wanted.local && mailbox.host.toLowerCase() === wanted.host.toLowerCase();
}

/** A host constraint means that host alone; with a leading dot, all hosts below it. */
function isHostWithin(host: string, constraint: string): boolean {
  const [name, wanted] = [host.toLowerCase(), constraint.toLowerCase()];
  return wanted.startsWith('.') ? name.endsWith(wanted) && name.length > wanted.length : name === wanted;
}

/** Host of a URI where it is a DNS name; constraints on URIs cannot be checked otherwise (RFC 5280 section 4.2.1.10). */
function uriHost(uri: string): string | undefined {
  const authority = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(uri)?.[1];
  const host = authority?.replace(/^[^@]*@/, '').replace(/:[0-9]*$/, '');
  return host !== undefined && isDnsNameOrWildcard(host, 1) && !host.startsWith('*') ? host : undefined;
}
