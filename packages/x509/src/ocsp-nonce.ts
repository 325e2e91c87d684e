import { TAG } from './der-tag.ts';
import { buildExtension, type Extension, findExtension, parseExtensionValue } from './extension.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

/** Longest nonce written or read, in octets (RFC 9654 section 2.1). */
const MAX_NONCE = 128;

/** The nonce extension of a request or response, not critical. @param nonce 1 to 128 random octets; 32 are customary. */
export function ocspNonceExtension(nonce: Uint8Array): Extension {
  if (nonce.length === 0 || nonce.length > MAX_NONCE) {
    throw new X509Error('invalid-argument', `A nonce has 1 to ${MAX_NONCE} octets (RFC 9654 section 2.1)`);
  }
  return buildExtension({ oid: OID.ocspNonce, critical: false }, (writer) => writer.octetString(nonce));
}

/** The nonce among extensions, if it is there. @throws X509Error where it is malformed, empty, or over 128 octets. */
export function findOcspNonce(extensions: readonly Extension[]): Uint8Array | undefined {
  const extension = findExtension(extensions, OID.ocspNonce);
  if (extension === undefined) return undefined;
  return parseExtensionValue(extension, { oid: OID.ocspNonce, name: 'nonce' }, (reader) => {
    const nonce = reader.readValue(TAG.OCTET_STRING);
    if (nonce.length === 0 || nonce.length > MAX_NONCE) {
      throw reader.error('invalid-extension', `A nonce has 1 to ${MAX_NONCE} octets (RFC 9654 section 2.1)`);
    }
    return nonce;
  });
}
