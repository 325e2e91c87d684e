import { TAG } from './der-tag.ts';
import { buildExtension, type Extension, parseExtensionValue } from './extension.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

const ID = { oid: OID.keyUsage, name: 'keyUsage' };

/** Key usages in order of their bits (RFC 5280 section 4.2.1.3). */
export const KEY_USAGES = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

/** What a key may be used for. */
export type KeyUsage = (typeof KEY_USAGES)[number];

/** The extension. RFC 5280 asks for it to be critical. @throws X509Error `invalid-argument` for an empty list. */
export function keyUsageExtension(input: {
  readonly usages: readonly KeyUsage[];
  readonly critical: boolean;
}): Extension {
  const bits = input.usages.reduce((sum, usage) => sum | (1 << KEY_USAGES.indexOf(usage)), 0);
  if (bits === 0)
    throw new X509Error('invalid-argument', 'At least one key usage must be given (RFC 5280 section 4.2.1.3)');
  return buildExtension({ oid: ID.oid, critical: input.critical }, (writer) => writer.namedBits(bits));
}

/** @throws X509Error where the value is malformed, names no usage, or one that RFC 5280 does not know. */
export function parseKeyUsage(extension: Extension): ReadonlySet<KeyUsage> {
  return parseExtensionValue(extension, ID, (reader) => {
    const bits = reader.readNamedBits(TAG.BIT_STRING);
    if (bits === 0) throw reader.error('invalid-extension', 'At least one key usage must be named');
    if (bits >= 1 << KEY_USAGES.length) throw reader.error('invalid-extension', 'The key usage names an unknown bit');
    return new Set(KEY_USAGES.filter((_, bit) => (bits & (1 << bit)) !== 0));
  });
}
