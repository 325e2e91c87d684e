import { findAttributeName } from './attribute-type.ts';
import { decodeUtf8 } from './directory-string.ts';
import { buildName, type Name, type NameAttribute, type NameAttributeInput } from './name.ts';
import { fromHex, toHex } from './octets.ts';
import { encodeOid } from './oid-codec.ts';
import { X509Error } from './x509-error.ts';

const MAX_NAME_TEXT = 8192;

/**
 * RFC 4514 text of a name: last RDN first, `+` between the attributes of one RDN. Types without a short name, and values
 * that are not strings, are written as `1.2.3=#hex` (section 2.4). Control characters are escaped, so that the text is
 * one line whatever the certificate says.
 */
export function formatName(name: Name): string {
  return name.rdns
    .toReversed()
    .map((rdn) => rdn.map(formatAttribute).join('+'))
    .join(',');
}

function formatAttribute(attribute: NameAttribute): string {
  if (attribute.shortName === undefined || attribute.value === undefined)
    return `${attribute.type}=#${toHex(attribute.valueDer)}`;
  return `${attribute.shortName}=${escapeValue(attribute.value)}`;
}

function escapeValue(value: string): string {
  return (
    value
      .replace(/[\\"+,;<>]/g, '\\$&')
      .replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, escapeOctets)
      // The end before the start: a value of one space is escaped once.
      .replace(/ $/, '\\ ')
      .replace(/^[ #]/, '\\$&')
  );
}

function escapeOctets(character: string): string {
  return toHex(new TextEncoder().encode(character)).replace(/../g, '\\$&');
}

/**
 * A name from RFC 4514 text, with string values only (`#hex` is refused: it would bypass the checks of values). The RDN
 * written last becomes the first one of the encoding.
 * @throws X509Error `invalid-name` with the position in the text.
 */
export function parseNameString(text: string): Name {
  if (text.length > MAX_NAME_TEXT)
    throw new X509Error('limit-exceeded', `A name has at most ${MAX_NAME_TEXT} characters`);
  if (text.trim() === '') return buildName([]);
  const rdns: NameAttributeInput[][] = [];
  let rdn: NameAttributeInput[] = [];
  for (let position = 0; ; ) {
    const { attribute, next } = readTypeAndValue(text, position);
    rdn.push(attribute);
    if (text[next] !== '+') {
      rdns.push(rdn);
      rdn = [];
    }
    if (next >= text.length) break;
    position = next + 1;
  }
  return buildName(rdns.reverse());
}

function readTypeAndValue(text: string, from: number): { attribute: NameAttributeInput; next: number } {
  const match = /^ *([A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+) *= */.exec(text.slice(from, from + 300));
  if (match === null) throw fault('An attribute like CN=name is expected', from);
  const type = match[1] ?? '';
  const known = findAttributeName(type);
  if (known === undefined && encodeOid(type) === undefined)
    throw fault(`"${type}" is not a known attribute type`, from);
  const start = from + match[0].length;
  if (text[start] === '#') throw fault('Values in hexadecimal are not accepted', start);
  const { value, next } = readValue(text, start);
  return { attribute: { type: known ?? type, value }, next };
}

/** RFC 4514 section 3: up to an unescaped `,` or `+`; spaces at the end count only when escaped. */
function readValue(text: string, start: number): { value: string; next: number } {
  let value = '';
  let kept = 0;
  let i = start;
  while (i < text.length && text[i] !== ',' && text[i] !== '+') {
    const character = text[i] ?? '';
    if (/[";<>\0]/.test(character)) throw fault(`${JSON.stringify(character)} must be escaped with a backslash`, i);
    if (character === '\\') {
      const escaped = readEscape(text, i);
      value += escaped.value;
      kept = value.length;
      i = escaped.next;
    } else {
      value += character;
      if (character !== ' ') kept = value.length;
      i++;
    }
  }
  return { value: value.slice(0, kept), next: i };
}

function readEscape(text: string, at: number): { value: string; next: number } {
  const special = text[at + 1] ?? '';
  if (special !== '' && ' "#+,;<=>\\'.includes(special)) return { value: special, next: at + 2 };
  const hex = /^(?:\\[0-9A-Fa-f]{2})+/.exec(text.slice(at, at + 3 * 1024))?.[0];
  const value = hex === undefined ? null : decodeUtf8(fromHex(hex.replaceAll('\\', '')));
  if (hex === undefined || value === null)
    throw fault('The escape is neither a special character nor UTF-8 in hexadecimal', at);
  return { value, next: at + hex.length };
}

function fault(message: string, position: number): X509Error {
  return new X509Error('invalid-name', `${message}, at character ${position} of the name`);
}
