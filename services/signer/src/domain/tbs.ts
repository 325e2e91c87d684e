import { X509Error } from '@cert-tasks/x509';
import { SignerError } from './errors.ts';

/** What is signed: a TBSCertificate or a TBSCertList (RFC 5280, 4.1 and 5.1). */
export type TbsKind = 'certificate' | 'crl';

const MAX_TBS_BYTES: Readonly<Record<TbsKind, number>> = { certificate: 65_536, crl: 16_777_216 };

/** @throws SignerError `tbs-malformed` for more octets than a kind may have: 64 KiB for a certificate, 16 MiB for a CRL. */
export function checkTbsSize(tbs: Uint8Array, kind: TbsKind): void {
  const limit = MAX_TBS_BYTES[kind];
  if (tbs.length <= limit) return;
  throw new SignerError('tbs-malformed', `The ${kind} to be signed has ${tbs.length} octets, the limit is ${limit}.`, {
    field: 'tbs',
  });
}

/** Runs a reader of hostile DER; what x509 refuses becomes `tbs-malformed`. */
export function readingTbs<T>(kind: TbsKind, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof X509Error)) throw cause;
    throw new SignerError('tbs-malformed', `The ${kind} to be signed is malformed: ${cause.message}.`, {
      field: 'tbs',
      cause,
    });
  }
}
