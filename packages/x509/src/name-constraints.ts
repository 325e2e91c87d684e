import type { DerReader } from './der-reader.ts';
import { constructedContextTag, TAG } from './der-tag.ts';
import type { DerWriter } from './der-writer.ts';
import { isDnsConstraint, isDnsName } from './dns-name.ts';
import { buildExtension, type Extension, parseExtensionValue } from './extension.ts';
import { GENERAL_NAME_TAG, type GeneralName, readGeneralName } from './general-name.ts';
import { formatIpNetwork, networkFromMask, networkToMask, parseIpNetwork } from './ip-address.ts';
import { isMailbox } from './mailbox.ts';
import type { Name } from './name.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

const ID = { oid: OID.nameConstraints, name: 'nameConstraints' };

/** The base of one subtree (RFC 5280 section 4.2.1.10). */
export type NameConstraint =
  /** All names that end in these labels; a leading dot leaves the name itself out, empty means every name. */
  | { readonly kind: 'dns'; readonly value: string }
  /** `address/prefix`. */
  | { readonly kind: 'ip'; readonly value: string }
  /** A host, or a domain with a leading dot. */
  | { readonly kind: 'uri'; readonly value: string }
  /** A mailbox, a host, or a domain with a leading dot. */
  | { readonly kind: 'email'; readonly value: string }
  | { readonly kind: 'directoryName'; readonly name: Name }
  /** A kind for which RFC 5280 has no rule; a validator refuses names of this kind below it. */
  | {
      readonly kind: 'unsupported';
      readonly nameKind: GeneralName['kind'];
      /** The base whole, as encoded; parsed constraints have it, and writing needs it. */
      readonly der?: Uint8Array;
    };

/** Name constraints of a CA certificate. At least one of the lists is there; a list that is there is not empty. */
export interface NameConstraints {
  readonly permitted: readonly NameConstraint[];
  readonly excluded: readonly NameConstraint[];
}

/**
 * The nameConstraints extension, always critical (RFC 5280 section 4.2.1.10).
 * @throws X509Error `invalid-argument` for no constraint at all, or one that is malformed.
 */
export function nameConstraintsExtension(input: NameConstraints): Extension {
  if (input.permitted.length + input.excluded.length === 0) {
    throw new X509Error(
      'invalid-argument',
      'Name constraints must have at least one subtree (RFC 5280 section 4.2.1.10)',
    );
  }
  return buildExtension({ oid: ID.oid, critical: true }, (writer) => {
    const end = writer.mark();
    if (input.excluded.length > 0) writeSubtrees(writer, input.excluded, constructedContextTag(1));
    if (input.permitted.length > 0) writeSubtrees(writer, input.permitted, constructedContextTag(0));
    writer.close(TAG.SEQUENCE, end);
  });
}

function writeSubtrees(writer: DerWriter, constraints: readonly NameConstraint[], tag: number): void {
  const end = writer.mark();
  for (const constraint of constraints.toReversed()) {
    const subtreeEnd = writer.mark();
    writeBase(writer, constraint);
    writer.close(TAG.SEQUENCE, subtreeEnd);
  }
  writer.close(tag, end);
}

function writeBase(writer: DerWriter, constraint: NameConstraint): void {
  const end = writer.mark();
  if (constraint.kind === 'directoryName') {
    writer.raw(constraint.name.der);
    writer.close(GENERAL_NAME_TAG.directoryName, end);
    return;
  }
  if (constraint.kind === 'ip') {
    const network = parseIpNetwork(constraint.value);
    if (network === undefined) throw malformed(constraint.value, 'address/prefix without bits after the prefix');
    writer.element(GENERAL_NAME_TAG.ip, networkToMask(network));
    return;
  }
  if (constraint.kind === 'unsupported') {
    if (constraint.der === undefined || constraint.der[0] !== GENERAL_NAME_TAG[constraint.nameKind]) {
      throw new X509Error('invalid-argument', 'A constraint of this kind needs its DER');
    }
    writer.raw(constraint.der);
    return;
  }
  if (!isWellFormedConstraint(constraint)) throw malformed(constraint.value, `form of a ${constraint.kind} constraint`);
  writer.ascii(constraint.value, GENERAL_NAME_TAG[constraint.kind]);
}

function malformed(value: string, expected: string): X509Error {
  return new X509Error('invalid-argument', `Name constraint "${value.slice(0, 260)}" does not have the ${expected}`);
}

/** True when the text of a DNS, URI or e-mail constraint has a form that RFC 5280 section 4.2.1.10 gives a meaning. */
export function isWellFormedConstraint(constraint: {
  readonly kind: 'dns' | 'uri' | 'email';
  readonly value: string;
}): boolean {
  if (constraint.kind === 'dns') return isDnsConstraint(constraint.value);
  const host = constraint.value.startsWith('.') ? constraint.value.slice(1) : constraint.value;
  return isDnsName(host) || (constraint.kind === 'email' && isMailbox(constraint.value));
}

/**
 * @throws X509Error where the value is malformed or empty, has an empty list, `minimum` or `maximum` (RFC 5280: minimum is
 * zero and maximum absent), or an address without a proper mask.
 */
export function parseNameConstraints(extension: Extension): NameConstraints {
  return parseExtensionValue(extension, ID, (reader) => {
    const sequence = reader.enter(TAG.SEQUENCE);
    const permitted = readSubtrees(sequence, constructedContextTag(0));
    const excluded = readSubtrees(sequence, constructedContextTag(1));
    sequence.finish();
    if (permitted.length + excluded.length === 0)
      throw reader.error('invalid-extension', 'Name constraints must not be empty');
    return { permitted, excluded };
  });
}

function readSubtrees(reader: DerReader, tag: number): NameConstraint[] {
  if (!reader.isNext(tag)) return [];
  const list = reader.enter(tag);
  if (list.atEnd) throw reader.error('invalid-extension', 'A list of subtrees must not be empty');
  const constraints: NameConstraint[] = [];
  while (!list.atEnd) {
    const subtree = list.enter(TAG.SEQUENCE);
    constraints.push(readBase(subtree));
    if (!subtree.atEnd) throw subtree.error('invalid-extension', 'minimum and maximum are not allowed here', 'next');
  }
  return constraints;
}

function readBase(reader: DerReader): NameConstraint {
  if (reader.isNext(GENERAL_NAME_TAG.ip)) {
    const network = networkFromMask(reader.readValue(GENERAL_NAME_TAG.ip));
    if (network === undefined)
      throw reader.error('invalid-extension', 'An IP constraint is an address and a mask without holes');
    return { kind: 'ip', value: formatIpNetwork(network) };
  }
  const start = reader.position;
  const name = readGeneralName(reader);
  switch (name.kind) {
    case 'dns':
    case 'uri':
    case 'email':
      return { kind: name.kind, value: name.value };
    case 'directoryName':
      return { kind: 'directoryName', name: name.name };
    default:
      return { kind: 'unsupported', nameKind: name.kind, der: reader.bytes.subarray(start, reader.position) };
  }
}
