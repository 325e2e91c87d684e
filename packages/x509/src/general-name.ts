import type { DerReader } from './der-reader.ts';
import { constructedContextTag, contextTag, TAG } from './der-tag.ts';
import type { DerWriter } from './der-writer.ts';
import { isDnsNameOrWildcard } from './dns-name.ts';
import { formatIpAddress, parseIpAddress } from './ip-address.ts';
import { isMailbox } from './mailbox.ts';
import { type Name, readName } from './name.ts';
import { formatName } from './name-string.ts';
import { toHex } from './octets.ts';
import { X509Error } from './x509-error.ts';

/** One GeneralName (RFC 5280 section 4.2.1.6). */
export type GeneralName =
  /** dNSName, as encoded: 7-bit text, whose syntax a parser does not judge. */
  | { readonly kind: 'dns'; readonly value: string }
  /** iPAddress in text; IPv6 as RFC 5952. */
  | { readonly kind: 'ip'; readonly value: string }
  | { readonly kind: 'uri'; readonly value: string }
  /** rfc822Name. */
  | { readonly kind: 'email'; readonly value: string }
  | { readonly kind: 'directoryName'; readonly name: Name }
  /** otherName: its type, and its value as one whole DER element. */
  | { readonly kind: 'otherName'; readonly typeId: string; readonly value: Uint8Array }
  | { readonly kind: 'registeredId'; readonly oid: string }
  /** Whole element, as encoded. */
  | { readonly kind: 'x400Address'; readonly der: Uint8Array }
  /** Whole element, as encoded. */
  | { readonly kind: 'ediPartyName'; readonly der: Uint8Array };

/** A GeneralName without its payload: what kinds there are. */
export type GeneralNameKind = GeneralName['kind'];

/** Identifier octets of the alternatives of GeneralName. */
export const GENERAL_NAME_TAG = {
  otherName: constructedContextTag(0),
  email: contextTag(1),
  dns: contextTag(2),
  x400Address: constructedContextTag(3),
  directoryName: constructedContextTag(4),
  ediPartyName: constructedContextTag(5),
  uri: contextTag(6),
  ip: contextTag(7),
  registeredId: contextTag(8),
} as const satisfies Record<GeneralNameKind, number>;

/** Reads the next GeneralName. Text is checked to be 7-bit, addresses to be 4 or 16 octets; syntax is not judged. */
export function readGeneralName(reader: DerReader): GeneralName {
  switch (reader.peekTag()) {
    case GENERAL_NAME_TAG.dns:
      return { kind: 'dns', value: reader.readAscii(GENERAL_NAME_TAG.dns) };
    case GENERAL_NAME_TAG.email:
      return { kind: 'email', value: reader.readAscii(GENERAL_NAME_TAG.email) };
    case GENERAL_NAME_TAG.uri:
      return { kind: 'uri', value: reader.readAscii(GENERAL_NAME_TAG.uri) };
    case GENERAL_NAME_TAG.ip:
      return readIpName(reader);
    case GENERAL_NAME_TAG.registeredId:
      return { kind: 'registeredId', oid: reader.readOid(GENERAL_NAME_TAG.registeredId) };
    case GENERAL_NAME_TAG.directoryName:
      return readDirectoryName(reader);
    case GENERAL_NAME_TAG.otherName:
      return readOtherName(reader);
    case GENERAL_NAME_TAG.x400Address:
      return { kind: 'x400Address', der: reader.readRaw(GENERAL_NAME_TAG.x400Address) };
    case GENERAL_NAME_TAG.ediPartyName:
      return { kind: 'ediPartyName', der: reader.readRaw(GENERAL_NAME_TAG.ediPartyName) };
    default:
      reader.skip();
      throw reader.error('invalid-general-name', 'A general name is expected');
  }
}

function readIpName(reader: DerReader): GeneralName {
  const value = formatIpAddress(reader.readValue(GENERAL_NAME_TAG.ip));
  if (value === undefined) throw reader.error('invalid-general-name', 'An IP address has 4 or 16 octets');
  return { kind: 'ip', value };
}

function readDirectoryName(reader: DerReader): GeneralName {
  // Name is a CHOICE, so its tag here is explicit (X.680 section 31.2.7).
  const explicit = reader.enter(GENERAL_NAME_TAG.directoryName);
  const name = readName(explicit);
  explicit.finish();
  return { kind: 'directoryName', name };
}

function readOtherName(reader: DerReader): GeneralName {
  const sequence = reader.enter(GENERAL_NAME_TAG.otherName);
  const typeId = sequence.readOid();
  const explicit = sequence.enter(constructedContextTag(0));
  const value = explicit.readRaw();
  explicit.finish();
  sequence.finish();
  return { kind: 'otherName', typeId, value };
}

/** Reads `GeneralNames`, a sequence of at least one, under the given tag. */
export function readGeneralNames(reader: DerReader, tag: number = TAG.SEQUENCE): GeneralName[] {
  const sequence = reader.enter(tag);
  if (sequence.atEnd) throw reader.error('invalid-general-name', 'A list of general names must not be empty');
  const names: GeneralName[] = [];
  while (!sequence.atEnd) names.push(readGeneralName(sequence));
  return names;
}

/**
 * Writes one GeneralName after checking its syntax.
 * @throws X509Error `invalid-general-name` with what is wrong with it.
 */
export function writeGeneralName(writer: DerWriter, name: GeneralName): void {
  const fault = generalNameFault(name);
  if (fault !== undefined) throw new X509Error('invalid-general-name', `${describeGeneralName(name)}: ${fault}`);
  writeRawGeneralName(writer, name);
}

/** Writes one GeneralName whose syntax is not judged. */
export function writeRawGeneralName(writer: DerWriter, name: GeneralName): void {
  const end = writer.mark();
  switch (name.kind) {
    case 'dns':
    case 'email':
    case 'uri':
      writer.ascii(name.value, GENERAL_NAME_TAG[name.kind]);
      return;
    case 'ip':
      writer.element(GENERAL_NAME_TAG.ip, parseIpAddress(name.value) ?? new Uint8Array());
      return;
    case 'registeredId':
      writer.oid(name.oid, GENERAL_NAME_TAG.registeredId);
      return;
    case 'directoryName':
      writer.raw(name.name.der);
      writer.close(GENERAL_NAME_TAG.directoryName, end);
      return;
    case 'otherName':
      writer.raw(name.value);
      writer.close(constructedContextTag(0), end);
      writer.oid(name.typeId);
      writer.close(GENERAL_NAME_TAG.otherName, end);
      return;
    case 'x400Address':
    case 'ediPartyName':
      writer.raw(name.der);
  }
}

/** Writes `GeneralNames` under the given tag. @throws X509Error where the list is empty or a name is malformed. */
export function writeGeneralNames(writer: DerWriter, names: readonly GeneralName[], tag: number = TAG.SEQUENCE): void {
  if (names.length === 0) throw new X509Error('invalid-general-name', 'A list of general names must not be empty');
  const end = writer.mark();
  for (const name of names.toReversed()) writeGeneralName(writer, name);
  writer.close(tag, end);
}

/**
 * Why an issuer must not put this name into a certificate, or undefined: DNS names of LDH labels with `*` only as the
 * whole leftmost label, IP addresses, absolute URIs with a host that is a name or an address, mailboxes (RFC 5280 section
 * 4.2.1.6). Other kinds are taken as they are.
 */
export function generalNameFault(name: GeneralName): string | undefined {
  switch (name.kind) {
    case 'dns':
      return isDnsNameOrWildcard(name.value)
        ? undefined
        : 'not a DNS name of letters, digits and hyphens (A-labels for IDN)';
    case 'ip':
      return parseIpAddress(name.value) === undefined ? 'not an IPv4 or IPv6 address' : undefined;
    case 'uri':
      return isAbsoluteUri(name.value) ? undefined : 'not an absolute URI';
    case 'email':
      return isMailbox(name.value) ? undefined : 'not a mailbox local@host of ASCII characters';
    default:
      return undefined;
  }
}

function isAbsoluteUri(text: string): boolean {
  return (
    text.length <= 2048 &&
    /^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/.test(text) &&
    !/["<>\\^`{|}]/.test(text) &&
    URL.canParse(text)
  );
}

/** One line that names a general name, for messages: `dns:example.com`, `ip:192.0.2.1`. */
export function describeGeneralName(name: GeneralName): string {
  switch (name.kind) {
    case 'dns':
    case 'ip':
    case 'uri':
    case 'email':
      return `${name.kind}:${printable(name.value)}`;
    case 'directoryName':
      return `directoryName:${formatName(name.name)}`;
    case 'otherName':
      return `otherName:${name.typeId}:${toHex(name.value.subarray(0, 64))}`;
    case 'registeredId':
      return `registeredId:${name.oid}`;
    case 'x400Address':
    case 'ediPartyName':
      return `${name.kind}:${toHex(name.der.subarray(0, 64))}`;
  }
}

function printable(text: string): string {
  return text.slice(0, 300).replace(/[^\x20-\x7e]/g, '?');
}
