import {
  ATTRIBUTE_RULES,
  type AttributeName,
  type AttributeRule,
  attributeNameOf,
  attributeRuleOf,
} from './attribute-type.ts';
import { DerReader, type DerReaderOptions } from './der-reader.ts';
import { TAG } from './der-tag.ts';
import { DerWriter, encodeDer, writeSetOf } from './der-writer.ts';
import { decodeDirectoryString, isPrintableString } from './directory-string.ts';
import { compareOctets } from './octets.ts';
import { X509Error } from './x509-error.ts';

/** One attribute of a relative distinguished name, as parsed. */
export interface NameAttribute {
  /** Attribute type, dotted decimal. */
  readonly type: string;
  /** Short name of the type, where it has one. */
  readonly shortName: AttributeName | undefined;
  /** Text of the value; undefined where it is not one of the string types. */
  readonly value: string | undefined;
  /** Identifier octet of the value. */
  readonly valueTag: number;
  /** The value whole, as encoded. */
  readonly valueDer: Uint8Array;
}

/** One attribute to be written. */
export interface NameAttributeInput {
  /** Short name, or an attribute type in dotted decimal, which is written as UTF8String. */
  readonly type: AttributeName | (string & {});
  readonly value: string;
}

/** A relative distinguished name to be written: one attribute, or several for a multi-valued one. */
export type RdnInput = NameAttributeInput | readonly NameAttributeInput[];

/** A distinguished name (RFC 5280 section 4.1.2.4): its exact encoding and what it says, first RDN first. */
export interface Name {
  readonly der: Uint8Array;
  readonly rdns: readonly (readonly NameAttribute[])[];
}

/**
 * A name from its parts in the order in which they are encoded (country first, by custom). An empty list is the empty
 * name. Values are checked: 1 character at least, the bounds of RFC 5280 appendix A, the characters of the string type.
 * @throws X509Error `invalid-name`.
 */
export function buildName(rdns: readonly RdnInput[]): Name {
  const writer = new DerWriter(256);
  const end = writer.mark();
  for (const rdn of rdns.toReversed()) {
    const attributes: readonly NameAttributeInput[] = isMultiValued(rdn) ? rdn : [rdn];
    const [first] = attributes;
    if (first === undefined)
      throw new X509Error('invalid-name', 'A relative distinguished name has at least one attribute');
    if (attributes.length > 1) {
      writeSetOf(
        writer,
        attributes.map((attribute) => encodeDer((inner) => writeAttribute(inner, attribute))),
      );
      continue;
    }
    const setEnd = writer.mark();
    writeAttribute(writer, first);
    writer.close(TAG.SET, setEnd);
  }
  writer.close(TAG.SEQUENCE, end);
  return parseName(writer.finish());
}

function isMultiValued(rdn: RdnInput): rdn is readonly NameAttributeInput[] {
  return Array.isArray(rdn);
}

function writeAttribute(writer: DerWriter, attribute: NameAttributeInput): void {
  const rule = isShortName(attribute.type) ? ATTRIBUTE_RULES[attribute.type] : attributeRuleOf(attribute.type);
  const oid = rule?.oid ?? attribute.type;
  checkAttributeValue(attribute);
  const end = writer.mark();
  writer.utf8(attribute.value, rule?.tag ?? TAG.UTF8_STRING);
  writer.oid(oid);
  writer.close(TAG.SEQUENCE, end);
}

function isShortName(type: string): type is AttributeName {
  return Object.hasOwn(ATTRIBUTE_RULES, type);
}

function checkAttributeValue({ type, value }: NameAttributeInput): void {
  const rule = isShortName(type) ? ATTRIBUTE_RULES[type] : attributeRuleOf(type);
  const fault = attributeValueFault(rule?.oid ?? type, value);
  if (fault !== undefined) throw new X509Error('invalid-name', `${type}: ${fault}`);
}

/** Why a value must not be written for an attribute type, or undefined. Length in characters, not octets. */
export function attributeValueFault(oid: string, value: string): string | undefined {
  const rule = attributeRuleOf(oid);
  if (isPlain(value, rule)) return undefined;
  if (value === '' || !value.isWellFormed())
    return 'the value must have at least one character and be well-formed text';
  if (hasControlCharacter(value)) return 'the value must not have control characters';
  const length = [...value].length;
  if (length > (rule?.maxLength ?? 1024))
    return `the value has ${length} characters, the limit is ${rule?.maxLength ?? 1024}`;
  if (rule?.exactLength !== undefined && length !== rule.exactLength)
    return `the value must have ${rule.exactLength} characters`;
  if (rule?.tag === TAG.PRINTABLE_STRING && !isPrintableString(value)) return 'the value must be a PrintableString';
  if (rule?.tag === TAG.IA5_STRING && !/^[\x20-\x7e]*$/.test(value)) return 'the value must be printable ASCII';
  return undefined;
}

/** True for what nearly all values are, found in one pass: printable ASCII of allowed length, for types that take all of it. */
function isPlain(value: string, rule: AttributeRule | undefined): boolean {
  if (rule?.tag === TAG.PRINTABLE_STRING || rule?.exactLength !== undefined) return false;
  if (value.length === 0 || value.length > (rule?.maxLength ?? 1024)) return false;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

function hasControlCharacter(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

/**
 * A name from its DER.
 * @throws X509Error where the encoding is not strict DER or a string value breaks its type.
 */
export function parseName(der: Uint8Array, options: DerReaderOptions = {}): Name {
  const reader = DerReader.over(der, options);
  const name = readName(reader);
  reader.finish();
  return name;
}

/** Reads a name from a reader, past it. */
export function readName(reader: DerReader, tag: number = TAG.SEQUENCE): Name {
  const content = reader.enter(tag);
  const der = reader.bytes.subarray(reader.elementStart, reader.position);
  const rdns: NameAttribute[][] = [];
  while (!content.atEnd) rdns.push(readRdn(content));
  return { der, rdns };
}

/** Reads one RelativeDistinguishedName under the given tag (nameRelativeToCRLIssuer has it as [1]). */
export function readRdn(reader: DerReader, tag: number = TAG.SET): NameAttribute[] {
  const set = reader.enter(tag);
  if (set.atEnd) throw reader.error('invalid-name', 'A relative distinguished name is empty');
  const attributes: NameAttribute[] = [];
  let previous: Uint8Array | undefined;
  while (!set.atEnd) {
    const sequence = set.enter(TAG.SEQUENCE);
    const encoded = set.bytes.subarray(set.elementStart, set.position);
    attributes.push(readAttribute(sequence));
    if (previous !== undefined && compareOctets(previous, encoded) >= 0) {
      throw set.error(
        'unordered-set',
        'The attributes of a relative distinguished name are not in DER order, or repeated',
      );
    }
    previous = encoded;
  }
  return attributes;
}

function readAttribute(reader: DerReader): NameAttribute {
  const type = reader.readOid();
  const valueTag = reader.peekTag();
  const valueDer = reader.readRaw();
  const value = decodeDirectoryString(valueTag, reader.bytes.subarray(reader.valueStart, reader.position));
  if (value === null) throw reader.error('invalid-string', 'The attribute value breaks the rules of its string type');
  reader.finish();
  return { type, shortName: attributeNameOf(type), value, valueTag, valueDer };
}

/** True for the name without any RDN. */
export function isEmptyName(name: Name): boolean {
  return name.rdns.length === 0;
}

/** Values of all attributes of a type, in order of encoding; values that are not strings are left out. */
export function nameValues(name: Name, type: AttributeName): string[] {
  const oid = ATTRIBUTE_RULES[type].oid;
  return name.rdns
    .flat()
    .filter((attribute) => attribute.type === oid)
    .flatMap((attribute) => attribute.value ?? []);
}
