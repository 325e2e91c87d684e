import { buildExtension, type Extension } from './extension.ts';
import { OID } from './oid.ts';

/**
 * The extension by which a CA says that the certificate of an OCSP responder need not be checked for revocation during
 * its lifetime; not critical (RFC 6960 section 4.2.2.2.1).
 */
export function ocspNoCheckExtension(): Extension {
  return buildExtension({ oid: OID.ocspNoCheck, critical: false }, (writer) => writer.null());
}
