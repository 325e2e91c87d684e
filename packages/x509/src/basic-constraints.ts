import { TAG } from './der-tag.ts';
import { buildExtension, type Extension, parseExtensionValue } from './extension.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

const ID = { oid: OID.basicConstraints, name: 'basicConstraints' };

/** Longest path length written or read. */
const MAX_PATH_LENGTH = 255;

/** Basic constraints (RFC 5280 section 4.2.1.9). */
export interface BasicConstraints {
  readonly ca: boolean;
  /** Most intermediates that may follow; undefined for no limit. Only with `ca`. */
  readonly pathLength: number | undefined;
}

/** The extension. A CA certificate needs it critical. @throws X509Error `invalid-argument`. */
export function basicConstraintsExtension(input: BasicConstraints & { readonly critical: boolean }): Extension {
  if (input.pathLength !== undefined && !input.ca) {
    throw new X509Error('invalid-argument', 'Only a CA may have a path length (RFC 5280 section 4.2.1.9)');
  }
  const pathLength = input.pathLength ?? 0;
  if (!Number.isInteger(pathLength) || pathLength < 0 || pathLength > MAX_PATH_LENGTH) {
    throw new X509Error('invalid-argument', `A path length is a number from 0 to ${MAX_PATH_LENGTH}`);
  }
  return buildExtension({ oid: ID.oid, critical: input.critical }, (writer) => {
    const end = writer.mark();
    if (input.pathLength !== undefined) writer.integer(input.pathLength);
    if (input.ca) writer.boolean(true);
    writer.close(TAG.SEQUENCE, end);
  });
}

/** @throws X509Error where the value is malformed, `cA` is an encoded FALSE, or a path length stands without `cA`. */
export function parseBasicConstraints(extension: Extension): BasicConstraints {
  return parseExtensionValue(extension, ID, (reader) => {
    const sequence = reader.enter(TAG.SEQUENCE);
    const encoded = sequence.isNext(TAG.BOOLEAN);
    const ca = encoded && sequence.readBoolean();
    if (encoded && !ca) throw sequence.error('invalid-value', 'A default value must not be encoded');
    const pathLength = sequence.atEnd ? undefined : sequence.readSmallInteger(0x7fffffff);
    sequence.finish();
    if (pathLength !== undefined && !ca) throw reader.error('invalid-extension', 'Only a CA may have a path length');
    return { ca, pathLength };
  });
}
