import { DerReader } from './der-reader.ts';
import { TAG } from './der-tag.ts';
import { DerWriter } from './der-writer.ts';
import { X509Error } from './x509-error.ts';

/** Most extensions accepted in one list. */
const MAX_EXTENSIONS = 64;

/** One extension (RFC 5280 section 4.1.2.9), known or not. */
export interface Extension {
  /** extnID, dotted decimal. */
  readonly oid: string;
  readonly critical: boolean;
  /** Content of extnValue: the DER of the extension's own type. */
  readonly value: Uint8Array;
  /** Offset of `value` in the outermost input, where the extension was parsed. */
  readonly offset?: number;
}

/**
 * Reads `Extensions`: at least one, at most 64, no identifier twice (RFC 5280 section 4.2). `critical` that says FALSE is
 * refused, since DER leaves defaults out (X.690 section 11.5).
 */
export function readExtensions(reader: DerReader): Extension[] {
  const sequence = reader.enter(TAG.SEQUENCE);
  if (sequence.atEnd) throw reader.error('invalid-structure', 'The list of extensions must not be empty');
  const extensions: Extension[] = [];
  while (!sequence.atEnd) {
    const extension = readExtension(sequence.enter(TAG.SEQUENCE));
    if (extensions.some((earlier) => earlier.oid === extension.oid)) {
      throw sequence.error('duplicate-extension', `Extension ${extension.oid} appears twice`);
    }
    if (extensions.length >= MAX_EXTENSIONS)
      throw sequence.error('limit-exceeded', `More than ${MAX_EXTENSIONS} extensions`);
    extensions.push(extension);
  }
  return extensions;
}

function readExtension(reader: DerReader): Extension {
  const oid = reader.readOid();
  let critical = false;
  if (reader.isNext(TAG.BOOLEAN)) {
    critical = reader.readBoolean();
    if (!critical) throw reader.error('invalid-value', 'A default value must not be encoded');
  }
  const value = reader.readValue(TAG.OCTET_STRING);
  const offset = reader.offset - value.length;
  reader.finish();
  return { oid, critical, value, offset };
}

/** Writes `Extensions` in the given order. @throws X509Error for an empty list or an identifier that appears twice. */
export function writeExtensions(writer: DerWriter, extensions: readonly Extension[]): void {
  if (extensions.length === 0) throw new X509Error('invalid-argument', 'A list of extensions must not be empty');
  const seen = new Set<string>();
  const end = writer.mark();
  for (const extension of extensions.toReversed()) {
    if (seen.has(extension.oid)) throw new X509Error('duplicate-extension', `Extension ${extension.oid} appears twice`);
    seen.add(extension.oid);
    writeExtension(writer, extension);
  }
  writer.close(TAG.SEQUENCE, end);
}

/** Writes one `Extension`. */
export function writeExtension(writer: DerWriter, extension: Extension): void {
  const end = writer.mark();
  writer.octetString(extension.value);
  if (extension.critical) writer.boolean(true);
  writer.oid(extension.oid);
  writer.close(TAG.SEQUENCE, end);
}

/** An extension whose value `write` writes. */
export function buildExtension(
  header: { readonly oid: string; readonly critical: boolean },
  write: (writer: DerWriter) => void,
): Extension {
  const writer = new DerWriter(128);
  write(writer);
  return { oid: header.oid, critical: header.critical, value: writer.finish() };
}

/**
 * Reads an extension's value with `read`, which must use all of it.
 * @throws X509Error `invalid-argument` for an extension of another type.
 */
export function parseExtensionValue<T>(
  extension: Extension,
  expected: { readonly oid: string; readonly name: string },
  read: (reader: DerReader) => T,
): T {
  if (extension.oid !== expected.oid) {
    throw new X509Error('invalid-argument', `Extension ${extension.oid} is not ${expected.name} (${expected.oid})`);
  }
  const reader = DerReader.over(extension.value, { baseOffset: extension.offset ?? 0, path: expected.name });
  const value = read(reader);
  reader.finish();
  return value;
}

/** The extension with an identifier, if it is there. */
export function findExtension(extensions: readonly Extension[], oid: string): Extension | undefined {
  return extensions.find((extension) => extension.oid === oid);
}
