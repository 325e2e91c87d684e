import { TAG } from './der-tag.ts';
import { encodeDer, writeSetOf } from './der-writer.ts';
import { buildExtension, type Extension, parseExtensionValue } from './extension.ts';
import { compareOctets } from './octets.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

/** One attribute of a subject, as encoded (RFC 5280 section 4.2.1.8). */
export interface DirectoryAttribute {
  /** Attribute type, dotted decimal. */
  readonly type: string;
  /** Its values, each one whole DER element; at least one. */
  readonly values: readonly Uint8Array[];
}

/** The subjectDirectoryAttributes extension, never critical. @throws X509Error `invalid-argument` for an empty list. */
export function subjectDirectoryAttributesExtension(attributes: readonly DirectoryAttribute[]): Extension {
  if (attributes.length === 0 || attributes.some(({ values }) => values.length === 0)) {
    throw new X509Error('invalid-argument', 'Give at least one attribute, each with at least one value');
  }
  return buildExtension({ oid: OID.subjectDirectoryAttributes, critical: false }, (writer) => {
    const end = writer.mark();
    for (const { type, values } of attributes.toReversed()) {
      writer.raw(
        encodeDer((attribute) => {
          writeSetOf(attribute, values);
          attribute.oid(type);
          attribute.close(TAG.SEQUENCE, 0);
        }),
      );
    }
    writer.close(TAG.SEQUENCE, end);
  });
}

/** Attributes in order of encoding, at least one. @throws X509Error where the value is malformed. */
export function parseSubjectDirectoryAttributes(extension: Extension): readonly DirectoryAttribute[] {
  const id = { oid: OID.subjectDirectoryAttributes, name: 'subjectDirectoryAttributes' };
  return parseExtensionValue(extension, id, (reader) => {
    const sequence = reader.enter(TAG.SEQUENCE);
    const attributes: DirectoryAttribute[] = [];
    while (!sequence.atEnd) {
      const attribute = sequence.enter(TAG.SEQUENCE);
      const type = attribute.readOid();
      const set = attribute.enter(TAG.SET);
      const values: Uint8Array[] = [];
      while (!set.atEnd) {
        const value = set.readRaw();
        const last = values[values.length - 1];
        if (last !== undefined && compareOctets(last, value) > 0) {
          throw set.error('unordered-set', 'The values are not in DER order');
        }
        values.push(value);
      }
      if (values.length === 0) throw set.error('invalid-extension', 'An attribute has at least one value', 'next');
      attribute.finish();
      attributes.push({ type, values });
    }
    if (attributes.length === 0) throw reader.error('invalid-extension', 'At least one attribute must be there');
    return attributes;
  });
}
