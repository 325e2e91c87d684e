/**
 * What went wrong, as a closed set that callers can switch over.
 *
 * The first group comes from the DER layer, the second from X.509 structures, the third from keys and signatures,
 * the last from arguments that the calling program (not the outside world) got wrong.
 */
export type X509ErrorCode =
  | 'truncated'
  | 'invalid-length'
  | 'unexpected-tag'
  | 'trailing-bytes'
  | 'limit-exceeded'
  | 'invalid-value'
  | 'invalid-oid'
  | 'invalid-string'
  | 'invalid-time'
  | 'unordered-set'
  | 'invalid-structure'
  | 'unsupported-version'
  | 'duplicate-extension'
  | 'invalid-extension'
  | 'unsupported-extension'
  | 'invalid-name'
  | 'invalid-general-name'
  | 'invalid-pem'
  | 'unsupported-algorithm'
  | 'weak-algorithm'
  | 'invalid-key'
  | 'weak-key'
  | 'invalid-signature'
  | 'invalid-argument';

/** Where an error is: the place in the input, the place in the structure, and what led to it. */
export interface X509ErrorPlace {
  /** Offset in octets from the start of the outermost input. */
  readonly offset?: number;
  /** Field path, for example `tbsCertificate.validity`. */
  readonly path?: string;
  readonly cause?: unknown;
}

/** The only error that this package throws. Its message never holds key material or whole inputs. */
export class X509Error extends Error {
  readonly code: X509ErrorCode;
  /** Offset in octets from the start of the outermost input, where the fault was found in input bytes. */
  readonly offset: number | undefined;
  /** Field path of the fault, for example `tbsCertificate.validity`, where it is known. */
  readonly path: string | undefined;

  constructor(code: X509ErrorCode, message: string, place: X509ErrorPlace = {}) {
    super(describe(message, place), place.cause === undefined ? undefined : { cause: place.cause });
    this.name = 'X509Error';
    this.code = code;
    this.offset = place.offset;
    this.path = place.path;
  }
}

function describe(message: string, place: X509ErrorPlace): string {
  const where = [
    place.path === undefined || place.path === '' ? '' : `in ${place.path}`,
    place.offset === undefined ? '' : `at offset ${place.offset}`,
  ].filter((part) => part !== '');
  return where.length === 0 ? message : `${message} (${where.join(' ')})`;
}
