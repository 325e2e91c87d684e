import { buildExtension, type Extension, parseExtensionValue } from './extension.ts';
import { type GeneralName, readGeneralNames, writeGeneralNames } from './general-name.ts';
import { OID } from './oid.ts';

/**
 * The subjectAltName extension (RFC 5280 section 4.2.1.6); critical exactly where the subject is empty.
 * @throws X509Error `invalid-general-name` for an empty list or a malformed name.
 */
export function subjectAltNameExtension(input: {
  readonly names: readonly GeneralName[];
  readonly critical: boolean;
}): Extension {
  return buildExtension({ oid: OID.subjectAltName, critical: input.critical }, (writer) =>
    writeGeneralNames(writer, input.names),
  );
}

/** Names of a subjectAltName extension in order of encoding, at least one. */
export function parseSubjectAltName(extension: Extension): readonly GeneralName[] {
  return parseExtensionValue(extension, { oid: OID.subjectAltName, name: 'subjectAltName' }, (reader) =>
    readGeneralNames(reader),
  );
}

/**
 * The issuerAltName extension; it should not be critical (RFC 5280 section 4.2.1.7).
 * @throws X509Error `invalid-general-name` for an empty list or a malformed name.
 */
export function issuerAltNameExtension(input: {
  readonly names: readonly GeneralName[];
  readonly critical: boolean;
}): Extension {
  return buildExtension({ oid: OID.issuerAltName, critical: input.critical }, (writer) =>
    writeGeneralNames(writer, input.names),
  );
}

/** Names of an issuerAltName extension (RFC 5280 section 4.2.1.7), at least one. */
export function parseIssuerAltName(extension: Extension): readonly GeneralName[] {
  return parseExtensionValue(extension, { oid: OID.issuerAltName, name: 'issuerAltName' }, (reader) =>
    readGeneralNames(reader),
  );
}
