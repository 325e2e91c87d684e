import { DerReader } from './der-reader.ts';
import { TAG } from './der-tag.ts';
import type { DerWriter } from './der-writer.ts';
import { decodeDirectoryString } from './directory-string.ts';
import { OID } from './oid.ts';
import type { PolicyQualifier } from './policy-qualifier.ts';
import { X509Error } from './x509-error.ts';

/** A notice to be shown to who relies on a certificate (RFC 5280 section 4.2.1.4). */
export interface UserNotice {
  readonly reference: { readonly organization: string; readonly numbers: readonly bigint[] } | undefined;
  readonly explicitText: string | undefined;
}

/** Longest explicit text that is written, in characters (RFC 5280 section 4.2.1.4). */
const MAX_TEXT = 200;

/**
 * Reads the user notice of a policy qualifier. Texts over 200 characters are read.
 * @throws X509Error `invalid-argument` for a qualifier of another type, `invalid-extension` or a DER code.
 */
export function parseUserNotice(qualifier: PolicyQualifier): UserNotice {
  if (qualifier.id !== OID.policyUserNotice) throw new X509Error('invalid-argument', 'The qualifier is no user notice');
  const reader = DerReader.over(qualifier.value, { path: 'userNotice' });
  const sequence = reader.enter(TAG.SEQUENCE);
  reader.finish();
  const reference = sequence.isNext(TAG.SEQUENCE) ? readReference(sequence.enter(TAG.SEQUENCE)) : undefined;
  const explicitText = sequence.atEnd ? undefined : readText(sequence);
  sequence.finish();
  return { reference, explicitText };
}

function readReference(reader: DerReader): { organization: string; numbers: bigint[] } {
  const organization = readText(reader);
  const list = reader.enter(TAG.SEQUENCE);
  const numbers: bigint[] = [];
  while (!list.atEnd) numbers.push(list.readInteger(20));
  reader.finish();
  return { organization, numbers };
}

const DISPLAY_TEXT: ReadonlySet<number> = new Set([
  TAG.IA5_STRING,
  TAG.VISIBLE_STRING,
  TAG.BMP_STRING,
  TAG.UTF8_STRING,
]);

function readText(reader: DerReader): string {
  const tag = reader.peekTag();
  const text = DISPLAY_TEXT.has(tag) ? decodeDirectoryString(tag, reader.readValue(tag)) : null;
  if (text === undefined || text === null) throw reader.error('invalid-string', 'A text to display is malformed');
  return text;
}

/** Writes a user notice qualifier, texts as UTF8String. @throws X509Error `invalid-argument`. */
export function writeUserNotice(writer: DerWriter, notice: UserNotice): void {
  const end = writer.mark();
  if (notice.explicitText !== undefined) {
    if (notice.explicitText === '' || [...notice.explicitText].length > MAX_TEXT) {
      throw new X509Error('invalid-argument', `The text of a user notice has 1 to ${MAX_TEXT} characters`);
    }
    writer.utf8(notice.explicitText);
  }
  if (notice.reference !== undefined) {
    const referenceEnd = writer.mark();
    for (const number of notice.reference.numbers.toReversed()) writer.integer(number);
    writer.close(TAG.SEQUENCE, referenceEnd);
    writer.utf8(notice.reference.organization);
    writer.close(TAG.SEQUENCE, referenceEnd);
  }
  writer.close(TAG.SEQUENCE, end);
  writer.oid(OID.policyUserNotice);
  writer.close(TAG.SEQUENCE, end);
}
