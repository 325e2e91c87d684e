import {
  assertStrongKey,
  type CertificationRequest,
  findExtension,
  type GeneralName,
  isDnsNameOrWildcard,
  isEmptyName,
  nameValues,
  OID,
  type PublicKeyInfo,
  parseCertificationRequest,
  parseSubjectAltName,
  verifyProofOfPossession,
  X509Error,
} from '@cert-tasks/x509';
import type { SubjectAlternativeNames } from './certificate.ts';
import { CertError } from './errors.ts';
import type { IssuanceProfile } from './issuance-profile.ts';

/** A request that its profile allows: the only thing that is ever issued from. */
export interface IssuanceRequest {
  readonly profile: IssuanceProfile;
  readonly publicKey: PublicKeyInfo;
  readonly names: SubjectAlternativeNames;
  readonly lifetimeMs: number;
}

/**
 * Holds a certification request against a profile. The request is hostile: its size is bounded before it is parsed, its
 * signature must prove the
 * key (RFC 2986, 4.2), and of what it asks for only names are taken; other requested extensions are not.
 *
 * @throws CertError `csr-malformed`, `csr-signature-invalid`, `key-not-allowed`, `name-not-allowed`,
 * `lifetime-not-allowed`.
 */
export function checkIssuanceRequest(input: {
  readonly csr: Uint8Array;
  readonly profile: IssuanceProfile;
  readonly lifetimeMs: number | undefined;
  /** The request's field, for errors. */
  readonly field: string;
}): IssuanceRequest {
  const { profile, field } = input;
  const request = parseRequest(input.csr, field);
  return {
    profile,
    publicKey: checkKey({ publicKey: request.publicKey, profile, field }),
    names: checkNames({ request, profile, field }),
    lifetimeMs: checkLifetime({ lifetimeMs: input.lifetimeMs, profile }),
  };
}

/** Parses a request and has its signature prove that the asker holds the key. */
function parseRequest(csr: Uint8Array, field: string): CertificationRequest {
  try {
    const request = parseCertificationRequest(csr);
    if (verifyProofOfPossession(request)) return request;
  } catch (cause) {
    if (!(cause instanceof X509Error)) throw cause;
    if (isKeyFault(cause)) throw keyNotAllowed({ reason: cause.message, field, cause });
    throw new CertError('csr-malformed', `The certification request is not valid: ${cause.message}.`, {
      field,
      advice: 'Send a PKCS#10 request (RFC 2986) in strict DER, of at most 64 KiB.',
      cause,
    });
  }
  throw new CertError('csr-signature-invalid', 'The signature of the certification request does not match its key.', {
    field,
    advice: 'Sign the request with the private key of the public key in it.',
  });
}

/** Faults of the key itself, as opposed to the request's form. */
function isKeyFault(error: X509Error): boolean {
  return ['weak-key', 'weak-algorithm', 'invalid-key', 'unsupported-algorithm'].includes(error.code);
}

/**
 * Holds a key against a profile.
 * @throws CertError `key-not-allowed`.
 */
export function checkKey(input: {
  readonly publicKey: PublicKeyInfo;
  readonly profile: IssuanceProfile;
  readonly field: string;
}): PublicKeyInfo {
  const { publicKey, profile, field } = input;
  const { kind } = publicKey.details;
  const allowed: ReadonlySet<string> = profile.keyKinds;
  if (!allowed.has(kind))
    throw keyNotAllowed({ reason: `keys of kind ${kind} are not in profile ${profile.id}`, field });
  try {
    assertStrongKey(publicKey, 'certify');
    publicKey.keyObject();
  } catch (cause) {
    if (!(cause instanceof X509Error)) throw cause;
    throw keyNotAllowed({ reason: cause.message, field, cause });
  }
  return publicKey;
}

function keyNotAllowed(input: { reason: string; field: string; cause?: unknown }): CertError {
  return new CertError('key-not-allowed', `The request's key is not allowed: ${input.reason}.`, {
    field: input.field,
    advice: 'Use an EC P-256 or P-384, an Ed25519, or an RSA key of 2048 to 4096 bits with exponent 65537.',
    cause: input.cause,
  });
}

/** The names asked for, each of an allowed kind and of proper form, none twice. */
function checkNames(input: {
  request: CertificationRequest;
  profile: IssuanceProfile;
  field: string;
}): SubjectAlternativeNames {
  const { request, profile, field } = input;
  const requested = requestedNames(request, field);
  if (requested.length > profile.maxNames) {
    throw nameNotAllowed(
      `${requested.length} names are asked for; profile ${profile.id} takes ${profile.maxNames}`,
      field,
    );
  }
  const names = {
    dnsNames: new Set<string>(),
    ipAddresses: new Set<string>(),
    uris: new Set<string>(),
    emailAddresses: new Set<string>(),
  };
  for (const name of requested) {
    const kinds: ReadonlySet<string> = profile.nameKinds;
    if (!kinds.has(name.kind))
      throw nameNotAllowed(`names of kind ${name.kind} are not in profile ${profile.id}`, field);
    if (name.kind === 'dns') names.dnsNames.add(checkDnsName(name.value, profile, field));
    else if (name.kind === 'ip') names.ipAddresses.add(name.value);
    else if (name.kind === 'uri') names.uris.add(name.value);
    else if (name.kind === 'email') names.emailAddresses.add(name.value);
  }
  if (requested.length === 0) throw nameNotAllowed('the request has no subject alternative name', field);
  checkCommonName({ request, names: [...names.dnsNames, ...names.ipAddresses], field });
  return {
    dnsNames: [...names.dnsNames],
    ipAddresses: [...names.ipAddresses],
    uris: [...names.uris],
    emailAddresses: [...names.emailAddresses],
  };
}

function requestedNames(request: CertificationRequest, field: string): readonly GeneralName[] {
  const extension = findExtension(request.requestedExtensions, OID.subjectAltName);
  if (extension === undefined) return [];
  try {
    return parseSubjectAltName(extension);
  } catch (cause) {
    if (!(cause instanceof X509Error)) throw cause;
    throw new CertError('csr-malformed', `The requested subject alternative name is not valid: ${cause.message}.`, {
      field,
      cause,
    });
  }
}

function checkDnsName(value: string, profile: IssuanceProfile, field: string): string {
  const name = value.toLowerCase();
  if (!isDnsNameOrWildcard(name)) {
    throw nameNotAllowed(
      `"${printable(value)}" is not a DNS name: letters, digits and hyphens, internationalised labels as A-labels (xn--), a wildcard only as the whole leftmost label`,
      field,
    );
  }
  if (name.startsWith('*.') && !profile.allowWildcards) {
    throw nameNotAllowed(`"${name}" is a wildcard, which profile ${profile.id} does not allow`, field);
  }
  return name;
}

/** A common name says again what a name says, or is refused: software that still reads it must not see another name. */
function checkCommonName(input: { request: CertificationRequest; names: readonly string[]; field: string }): void {
  if (isEmptyName(input.request.subject)) return;
  for (const commonName of nameValues(input.request.subject, 'CN')) {
    if (!input.names.includes(commonName.toLowerCase())) {
      throw nameNotAllowed(
        `the common name "${printable(commonName)}" is not among the subject alternative names`,
        input.field,
      );
    }
  }
}

/**
 * Foreign text for an error message: short, and nothing that moves a terminal's cursor or looks like another letter.
 */
function printable(text: string): string {
  return [...text.slice(0, 80)]
    .map((c) => (c >= ' ' && c <= '~' ? c : `\\u{${c.codePointAt(0)?.toString(16)}}`))
    .join('');
}

function nameNotAllowed(reason: string, field: string): CertError {
  return new CertError('name-not-allowed', `The request's names are not allowed: ${reason}.`, {
    field,
    advice: 'Ask for DNS names or IP addresses in a subjectAltName extension request.',
  });
}

function checkLifetime(input: { lifetimeMs: number | undefined; profile: IssuanceProfile }): number {
  const { profile, lifetimeMs = profile.defaultLifetimeMs } = input;
  if (lifetimeMs > profile.maxLifetimeMs) {
    throw new CertError(
      'lifetime-not-allowed',
      `A lifetime of ${Math.round(lifetimeMs / 1000)} s is asked for; profile ${profile.id} allows ${profile.maxLifetimeMs / 1000} s.`,
      { field: 'lifetime', advice: 'Ask for less, or leave it out for the default.' },
    );
  }
  return lifetimeMs;
}
