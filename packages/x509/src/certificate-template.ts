import { MAX_SERIAL, type TbsCertificateInput } from './build-tbs-certificate.ts';
import { constructedContextTag, TAG } from './der-tag.ts';
import { DerWriter, encodeDer } from './der-writer.ts';
import { type Extension, writeExtension } from './extension.ts';
import type { Name } from './name.ts';
import { concatOctets } from './octets.ts';
import { encodeSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts';
import { X509Error } from './x509-error.ts';

/** A place among the extensions that each certificate fills for itself, or leaves empty. */
export interface ExtensionSlot {
  /** Identifier of the extension that may stand here. */
  readonly slot: string;
}

/** What all certificates of one profile and issuer have in common. */
export interface CertificateTemplateInput {
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly issuer: Name | Uint8Array;
  /** Extensions in order of encoding: those that are always the same, and slots for the others. No identifier twice. */
  readonly extensions: readonly (Extension | ExtensionSlot)[];
}

/** What one certificate has for itself. */
export type TemplatedCertificateInput = Pick<
  TbsCertificateInput,
  'serialNumber' | 'notBefore' | 'notAfter' | 'subject' | 'spki' | 'extensions'
>;

/**
 * Prepares what certificates of one profile and issuer have in common, encoded once. The writer that it gives makes the
 * same octets as `buildTbsCertificate`, several times faster: only serial number, validity, subject, key and the
 * extensions of the slots are encoded anew.
 * @throws X509Error `duplicate-extension` or `unsupported-algorithm`.
 */
export function prepareCertificateTemplate(
  input: CertificateTemplateInput,
): (certificate: TemplatedCertificateInput) => Uint8Array {
  const parts = prepareParts(input.extensions);
  const slots = new Set(parts.flatMap((part) => (part instanceof Uint8Array ? [] : [part.slot])));
  const issuer = input.issuer instanceof Uint8Array ? input.issuer : input.issuer.der;
  const middle = concatOctets([encodeSignatureAlgorithm(input.signatureAlgorithm), issuer]);
  const writer = new DerWriter(2048);
  const validity = new ValidityEncoder();
  return (certificate) => {
    if (certificate.serialNumber <= 0n || certificate.serialNumber > MAX_SERIAL)
      throw new X509Error('invalid-argument', 'A serial number is positive and has at most 20 octets');
    const own = ownExtensions(certificate.extensions, slots);
    writer.reset();
    for (let i = parts.length - 1; i >= 0; i--) writePart(writer, parts[i], own);
    writer.close(TAG.SEQUENCE, 0);
    writer.close(constructedContextTag(3), 0);
    writer.raw(certificate.spki);
    writer.raw(certificate.subject instanceof Uint8Array ? certificate.subject : certificate.subject.der);
    writer.raw(validity.encode(certificate.notBefore, certificate.notAfter));
    writer.raw(middle);
    writer.integer(certificate.serialNumber);
    writer.raw(VERSION_3);
    writer.close(TAG.SEQUENCE, 0);
    return writer.finish();
  };
}

const VERSION_3 = Uint8Array.of(0xa0, 0x03, 0x02, 0x01, 0x02);

/** Runs of fixed extensions as octets, and slots between them. */
function prepareParts(extensions: CertificateTemplateInput['extensions']): readonly (Uint8Array | ExtensionSlot)[] {
  const seen = new Set<string>();
  const parts = extensions.map((extension) => {
    const oid = 'slot' in extension ? extension.slot : extension.oid;
    if (seen.has(oid)) throw new X509Error('duplicate-extension', `Extension ${oid} appears twice`);
    seen.add(oid);
    return 'slot' in extension ? extension : encodeDer((writer) => writeExtension(writer, extension));
  });
  if (parts.length === 0) throw new X509Error('invalid-argument', 'A list of extensions must not be empty');
  return parts;
}

function ownExtensions(extensions: readonly Extension[], slots: ReadonlySet<string>): ReadonlyMap<string, Extension> {
  const own = new Map<string, Extension>();
  for (const extension of extensions) {
    if (!slots.has(extension.oid))
      throw new X509Error('invalid-argument', `The template has no slot for extension ${extension.oid}`);
    if (own.has(extension.oid)) throw new X509Error('duplicate-extension', `Extension ${extension.oid} appears twice`);
    own.set(extension.oid, extension);
  }
  return own;
}

function writePart(
  writer: DerWriter,
  part: Uint8Array | ExtensionSlot | undefined,
  own: ReadonlyMap<string, Extension>,
): void {
  if (part instanceof Uint8Array) {
    writer.raw(part);
    return;
  }
  const extension = part === undefined ? undefined : own.get(part.slot);
  if (extension !== undefined) writeExtension(writer, extension);
}

/** Encodes validities and keeps the last one: certificates made in one second often share it. */
class ValidityEncoder {
  #from = Number.NaN;
  #until = Number.NaN;
  #encoded: Uint8Array = new Uint8Array();

  encode(notBefore: Date, notAfter: Date): Uint8Array {
    const [from, until] = [notBefore.getTime(), notAfter.getTime()];
    if (from === this.#from && until === this.#until) return this.#encoded;
    if (!(from <= until)) throw new X509Error('invalid-argument', 'notBefore must not be later than notAfter');
    this.#encoded = encodeDer((writer) => {
      writer.time(notAfter);
      writer.time(notBefore);
      writer.close(TAG.SEQUENCE, 0);
    });
    [this.#from, this.#until] = [from, until];
    return this.#encoded;
  }
}
