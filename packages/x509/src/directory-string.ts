import { TAG } from './der-tag.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** True for text of the PrintableString characters only (X.680 section 41.4). */
export function isPrintableString(text: string): boolean {
  return /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text);
}

/**
 * Text of an attribute value: undefined where the tag is not a string type, null where the octets break its rules.
 * TeletexString is read as ISO 8859-1, as all implementations do, since its own character set has no other use.
 */
export function decodeDirectoryString(tag: number, octets: Uint8Array): string | undefined | null {
  switch (tag) {
    case TAG.UTF8_STRING:
      return decodeUtf8(octets);
    case TAG.PRINTABLE_STRING:
      return matching(latin1(octets), isPrintableString);
    case TAG.NUMERIC_STRING:
      return matching(latin1(octets), (text) => /^[0-9 ]*$/.test(text));
    case TAG.VISIBLE_STRING:
      return matching(latin1(octets), (text) => /^[\x20-\x7e]*$/.test(text));
    case TAG.IA5_STRING:
      return matching(latin1(octets), isSevenBit);
    case TAG.TELETEX_STRING:
      return latin1(octets);
    case TAG.BMP_STRING:
      return decodeWide(octets, 2);
    case TAG.UNIVERSAL_STRING:
      return decodeWide(octets, 4);
    default:
      return undefined;
  }
}

function matching(text: string, allowed: (text: string) => boolean): string | null {
  return allowed(text) ? text : null;
}

function isSevenBit(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** Text of UTF-8 octets, or null where they are not UTF-8. */
export function decodeUtf8(octets: Uint8Array): string | null {
  // Nearly all values are short ASCII, for which a decoder costs more than the text.
  if (octets.length <= 64 && octets.every(isAscii)) return latin1(octets);
  try {
    return UTF8.decode(octets);
  } catch {
    return null;
  }
}

function isAscii(octet: number): boolean {
  return octet < 0x80;
}

function latin1(octets: Uint8Array): string {
  let text = '';
  for (let i = 0; i < octets.length; i++) text += String.fromCharCode(octets[i] ?? 0);
  return text;
}

/** BMPString (UCS-2: no surrogates) and UniversalString (UCS-4). */
function decodeWide(octets: Uint8Array, width: 2 | 4): string | null {
  if (octets.length % width !== 0) return null;
  let text = '';
  for (let i = 0; i < octets.length; i += width) {
    let code = 0;
    for (let k = 0; k < width; k++) code = code * 256 + (octets[i + k] ?? 0);
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return null;
    text += String.fromCodePoint(code);
  }
  return text;
}
