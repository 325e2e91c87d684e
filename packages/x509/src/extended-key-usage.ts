import { TAG } from './der-tag.ts';
import { buildExtension, type Extension, parseExtensionValue } from './extension.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

const ID = { oid: OID.extendedKeyUsage, name: 'extKeyUsage' };

/** The extension. @param input.purposes KeyPurposeIds in dotted decimal, at least one, none twice. */
export function extendedKeyUsageExtension(input: {
  readonly purposes: readonly string[];
  readonly critical: boolean;
}): Extension {
  if (input.purposes.length === 0 || new Set(input.purposes).size !== input.purposes.length) {
    throw new X509Error('invalid-argument', 'Give at least one key purpose and none twice (RFC 5280 section 4.2.1.12)');
  }
  return buildExtension({ oid: ID.oid, critical: input.critical }, (writer) => {
    const end = writer.mark();
    for (const purpose of input.purposes.toReversed()) writer.oid(purpose);
    writer.close(TAG.SEQUENCE, end);
  });
}

/** KeyPurposeIds in order of encoding. @throws X509Error where the value is malformed or empty. */
export function parseExtendedKeyUsage(extension: Extension): readonly string[] {
  return parseExtensionValue(extension, ID, (reader) => {
    const sequence = reader.enter(TAG.SEQUENCE);
    const purposes: string[] = [];
    while (!sequence.atEnd) purposes.push(sequence.readOid());
    if (purposes.length === 0) throw reader.error('invalid-extension', 'At least one key purpose must be named');
    return purposes;
  });
}
