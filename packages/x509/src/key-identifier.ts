import { constructedContextTag, contextTag, TAG } from './der-tag.ts';
import { buildExtension, type Extension, parseExtensionValue } from './extension.ts';
import { type GeneralName, readGeneralNames, writeGeneralNames } from './general-name.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

/** Longest key identifier written or read; those in use have 20 or 32 octets. */
const MAX_KEY_ID = 64;

/** The subjectKeyIdentifier extension, never critical (RFC 5280 section 4.2.1.2). */
export function subjectKeyIdentifierExtension(keyId: Uint8Array): Extension {
  checkKeyId(keyId);
  return buildExtension({ oid: OID.subjectKeyIdentifier, critical: false }, (writer) => writer.octetString(keyId));
}

/** The key identifier of a subjectKeyIdentifier extension, 1 to 64 octets. */
export function parseSubjectKeyIdentifier(extension: Extension): Uint8Array {
  return parseExtensionValue(extension, { oid: OID.subjectKeyIdentifier, name: 'subjectKeyIdentifier' }, (reader) => {
    const keyId = reader.readValue(TAG.OCTET_STRING);
    if (keyId.length === 0 || keyId.length > MAX_KEY_ID)
      throw reader.error('invalid-extension', 'A key identifier has 1 to 64 octets');
    return keyId;
  });
}

/** Authority key identifier (RFC 5280 section 4.2.1.1). */
export interface AuthorityKeyIdentifier {
  readonly keyId: Uint8Array | undefined;
  /** Issuer names of the issuer's certificate; present exactly with `serialNumber`. */
  readonly issuer: readonly GeneralName[] | undefined;
  readonly serialNumber: bigint | undefined;
}

/** The authorityKeyIdentifier extension with a key identifier, never critical. */
export function authorityKeyIdentifierExtension(keyId: Uint8Array): Extension {
  checkKeyId(keyId);
  return buildExtension({ oid: OID.authorityKeyIdentifier, critical: false }, (writer) => {
    const end = writer.mark();
    writer.octetString(keyId, contextTag(0));
    writer.close(TAG.SEQUENCE, end);
  });
}

/**
 * The authorityKeyIdentifier extension with all that it can say, never critical. `authorityKeyIdentifierExtension` is the
 * short way for a key identifier alone.
 * @throws X509Error `invalid-argument` where issuer and serial number are not both there or both absent.
 */
export function fullAuthorityKeyIdentifierExtension(identifier: AuthorityKeyIdentifier): Extension {
  const { keyId, issuer, serialNumber } = identifier;
  if (keyId !== undefined) checkKeyId(keyId);
  if ((issuer === undefined) !== (serialNumber === undefined)) {
    throw new X509Error('invalid-argument', 'Issuer and serial number must both be there or both absent');
  }
  return buildExtension({ oid: OID.authorityKeyIdentifier, critical: false }, (writer) => {
    const end = writer.mark();
    if (serialNumber !== undefined) writer.integer(serialNumber, contextTag(2));
    if (issuer !== undefined) writeGeneralNames(writer, issuer, constructedContextTag(1));
    if (keyId !== undefined) writer.octetString(keyId, contextTag(0));
    writer.close(TAG.SEQUENCE, end);
  });
}

/** @throws X509Error where the value is malformed, or issuer and serial number are not both there or both absent. */
export function parseAuthorityKeyIdentifier(extension: Extension): AuthorityKeyIdentifier {
  const id = { oid: OID.authorityKeyIdentifier, name: 'authorityKeyIdentifier' };
  return parseExtensionValue(extension, id, (reader) => {
    const sequence = reader.enter(TAG.SEQUENCE);
    const keyId = sequence.isNext(contextTag(0)) ? sequence.readValue(contextTag(0)) : undefined;
    if (keyId !== undefined && (keyId.length === 0 || keyId.length > MAX_KEY_ID)) {
      throw sequence.error('invalid-extension', 'A key identifier has 1 to 64 octets');
    }
    const issuer = sequence.isNext(constructedContextTag(1))
      ? readGeneralNames(sequence, constructedContextTag(1))
      : undefined;
    const serialNumber = sequence.isNext(contextTag(2)) ? sequence.readInteger(64, contextTag(2)) : undefined;
    sequence.finish();
    if ((issuer === undefined) !== (serialNumber === undefined)) {
      throw reader.error('invalid-extension', 'Issuer and serial number must both be there or both absent');
    }
    return { keyId, issuer, serialNumber };
  });
}

function checkKeyId(keyId: Uint8Array): void {
  if (keyId.length === 0 || keyId.length > MAX_KEY_ID)
    throw new X509Error('invalid-argument', 'A key identifier has 1 to 64 octets');
}
