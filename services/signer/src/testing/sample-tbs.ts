import {
  basicConstraintsExtension,
  buildName,
  buildTbsCertificate,
  buildTbsCertList,
  crlNumberExtension,
  type Extension,
  type KeyUsage,
  keyUsageExtension,
  type SignatureAlgorithm,
} from '@cert-tasks/x509';

/** DER of the name that the keys of tests sign for. */
export const ISSUER_NAME: Uint8Array = buildName([{ type: 'CN', value: 'Signer Test CA' }]).der;

/** What may differ from a certificate that an ordinary key may sign. */
export interface SampleCertificate {
  readonly now: Date;
  readonly spki: Uint8Array;
  readonly serial?: bigint;
  readonly signatureAlgorithm?: SignatureAlgorithm;
  readonly issuer?: Uint8Array;
  readonly subject?: Uint8Array;
  /** Seconds from now. */
  readonly notBefore?: number;
  /** Seconds from notBefore. */
  readonly validity?: number;
  readonly extensions?: readonly Extension[];
}

/** A TBSCertificate of a server for an hour. */
export function sampleCertificate(input: SampleCertificate): Uint8Array {
  const notBefore = secondsAfter(input.now, input.notBefore ?? -300);
  return buildTbsCertificate({
    serialNumber: input.serial ?? 0x1234n,
    signatureAlgorithm: input.signatureAlgorithm ?? 'ecdsa-sha256',
    issuer: input.issuer ?? ISSUER_NAME,
    notBefore,
    notAfter: secondsAfter(notBefore, input.validity ?? 3_600),
    subject: input.subject ?? buildName([{ type: 'CN', value: 'server.example' }]).der,
    spki: input.spki,
    extensions: input.extensions ?? [usage('digitalSignature')],
  });
}

/** The extensions of a CA's certificate. */
export function authorityExtensions(input: {
  readonly pathLength: number | undefined;
  readonly critical?: boolean;
}): readonly Extension[] {
  const { pathLength, critical = true } = input;
  return [basicConstraintsExtension({ ca: true, pathLength, critical }), usage('keyCertSign')];
}

/** What may differ from a CRL that an ordinary key may sign. */
export interface SampleCrl {
  readonly now: Date;
  readonly signatureAlgorithm?: SignatureAlgorithm;
  readonly issuer?: Uint8Array;
  /** Seconds from now. */
  readonly thisUpdate?: number;
  /** Seconds from thisUpdate. */
  readonly life?: number;
  readonly extensions?: readonly Extension[];
}

/** A TBSCertList of a day with one entry. */
export function sampleCrl(input: SampleCrl): Uint8Array {
  const thisUpdate = secondsAfter(input.now, input.thisUpdate ?? -300);
  return buildTbsCertList({
    signatureAlgorithm: input.signatureAlgorithm ?? 'ecdsa-sha256',
    issuer: input.issuer ?? ISSUER_NAME,
    thisUpdate,
    nextUpdate: secondsAfter(thisUpdate, input.life ?? 86_400),
    revoked: [{ serialNumber: 7n, revocationDate: thisUpdate, reason: 'keyCompromise' }],
    extensions: input.extensions ?? [crlNumberExtension(1n)],
  });
}

/** A critical key usage of one use. */
export function usage(use: KeyUsage): Extension {
  return keyUsageExtension({ usages: [use], critical: true });
}

/** Whole seconds, as certificates have them. */
function secondsAfter(moment: Date, seconds: number): Date {
  return new Date((Math.floor(moment.getTime() / 1_000) + seconds) * 1_000);
}
