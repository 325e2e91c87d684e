import { TAG } from './der-tag.ts';
import type { Name, NameAttribute } from './name.ts';
import { equalOctets, toHex } from './octets.ts';

const CANONICAL = new WeakMap<Name, readonly string[]>();

/**
 * True when two names match (RFC 5280 section 7.1): equal bytes, or equal after the preparation of RFC 4518 in the part
 * that matters (case folded, Unicode NFKC, runs of spaces as one, none at the ends) of PrintableString, UTF8String and
 * IA5String values. Values of other types must be equal as encoded.
 */
export function sameName(a: Name, b: Name): boolean {
  return equalOctets(a.der, b.der) || (a.rdns.length === b.rdns.length && isNameWithin(a, b));
}

/** True when `name` begins with all the RDNs of `base` (RFC 5280 section 7.1 and 4.2.1.10). */
export function isNameWithin(name: Name, base: Name): boolean {
  if (base.rdns.length > name.rdns.length) return false;
  const [parts, baseParts] = [canonicalRdns(name), canonicalRdns(base)];
  return baseParts.every((part, index) => part === parts[index]);
}

/** A text that is the same for matching names only: the key to look names up by. */
export function nameKey(name: Name): string {
  return canonicalRdns(name).join('\u0001');
}

function canonicalRdns(name: Name): readonly string[] {
  const known = CANONICAL.get(name);
  if (known !== undefined) return known;
  const parts = name.rdns.map((rdn) => rdn.map(canonicalAttribute).sort().join('\u0002'));
  CANONICAL.set(name, parts);
  return parts;
}

function canonicalAttribute(attribute: NameAttribute): string {
  // Attribute values cannot forge the separators: control characters are spaces after preparation.
  return `${attribute.type}=${isFolded(attribute) ? `"${prepare(attribute.value ?? '')}` : toHex(attribute.valueDer)}`;
}

function isFolded({ value, valueTag }: NameAttribute): boolean {
  return (
    value !== undefined &&
    (valueTag === TAG.PRINTABLE_STRING || valueTag === TAG.UTF8_STRING || valueTag === TAG.IA5_STRING)
  );
}

/** RFC 4518 section 2: map, normalise, insignificant spaces. */
function prepare(value: string): string {
  return value
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFKC')
    .replace(/[\p{Cc}\p{Z}]+/gu, ' ')
    .trim();
}
