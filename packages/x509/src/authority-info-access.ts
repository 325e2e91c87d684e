import { TAG } from './der-tag.ts';
import { buildExtension, type Extension, parseExtensionValue } from './extension.ts';
import { type GeneralName, readGeneralName, writeGeneralName } from './general-name.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

/** One access description (RFC 5280 section 4.2.2.1). */
export interface AccessDescription {
  /** Access method, dotted decimal: `OID.accessOcsp`, `OID.accessCaIssuers` or another. */
  readonly method: string;
  readonly location: GeneralName;
}

/** The authorityInfoAccess extension, never critical. Order is kept. @throws X509Error for an empty list. */
export function authorityInfoAccessExtension(descriptions: readonly AccessDescription[]): Extension {
  return buildAccessExtension(OID.authorityInfoAccess, descriptions);
}

/**
 * The subjectInfoAccess extension, never critical (RFC 5280 section 4.2.2.2). Order is kept.
 * @throws X509Error for an empty list.
 */
export function subjectInfoAccessExtension(descriptions: readonly AccessDescription[]): Extension {
  return buildAccessExtension(OID.subjectInfoAccess, descriptions);
}

function buildAccessExtension(oid: string, descriptions: readonly AccessDescription[]): Extension {
  if (descriptions.length === 0)
    throw new X509Error('invalid-argument', 'At least one access description must be given');
  return buildExtension({ oid, critical: false }, (writer) => {
    const end = writer.mark();
    for (const { method, location } of descriptions.toReversed()) {
      const descriptionEnd = writer.mark();
      writeGeneralName(writer, location);
      writer.oid(method);
      writer.close(TAG.SEQUENCE, descriptionEnd);
    }
    writer.close(TAG.SEQUENCE, end);
  });
}

/** Access descriptions in order of encoding, at least one. */
export function parseAuthorityInfoAccess(extension: Extension): readonly AccessDescription[] {
  return parseAccess(extension, { oid: OID.authorityInfoAccess, name: 'authorityInfoAccess' });
}

/** Access descriptions of subjectInfoAccess in order of encoding, at least one. */
export function parseSubjectInfoAccess(extension: Extension): readonly AccessDescription[] {
  return parseAccess(extension, { oid: OID.subjectInfoAccess, name: 'subjectInfoAccess' });
}

function parseAccess(extension: Extension, id: { oid: string; name: string }): readonly AccessDescription[] {
  return parseExtensionValue(extension, id, (reader) => {
    const sequence = reader.enter(TAG.SEQUENCE);
    const descriptions: AccessDescription[] = [];
    while (!sequence.atEnd) {
      const description = sequence.enter(TAG.SEQUENCE);
      descriptions.push({ method: description.readOid(), location: readGeneralName(description) });
      description.finish();
    }
    if (descriptions.length === 0)
      throw reader.error('invalid-extension', 'At least one access description must be there');
    return descriptions;
  });
}
