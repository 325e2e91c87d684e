import { TAG } from './der-tag.ts';
import { buildExtension, type Extension, parseExtensionValue } from './extension.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

/** TLS extension number of status_request: "must staple" (RFC 7633 section 4.2.3.1). */
export const TLS_FEATURE_STATUS_REQUEST = 5;

/** The TLS feature extension, not critical (RFC 7633 section 4.1). @param features TLS extension numbers, at least one. */
export function tlsFeatureExtension(features: readonly number[]): Extension {
  if (
    features.length === 0 ||
    features.some((feature) => !Number.isInteger(feature) || feature < 0 || feature > 65_535)
  ) {
    throw new X509Error('invalid-argument', 'Give at least one TLS extension number, each from 0 to 65535');
  }
  return buildExtension({ oid: OID.tlsFeature, critical: false }, (writer) => {
    const end = writer.mark();
    for (const feature of features.toReversed()) writer.integer(feature);
    writer.close(TAG.SEQUENCE, end);
  });
}

/** TLS extension numbers in order of encoding. @throws X509Error where the value is malformed or empty. */
export function parseTlsFeature(extension: Extension): readonly number[] {
  return parseExtensionValue(extension, { oid: OID.tlsFeature, name: 'tlsFeature' }, (reader) => {
    const sequence = reader.enter(TAG.SEQUENCE);
    const features: number[] = [];
    while (!sequence.atEnd) features.push(sequence.readSmallInteger(65_535));
    if (features.length === 0) throw reader.error('invalid-extension', 'At least one feature must be named');
    return features;
  });
}
