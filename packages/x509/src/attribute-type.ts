import { TAG } from './der-tag.ts';
import { OID } from './oid.ts';

/** How a naming attribute is written and bounded. */
export interface AttributeRule {
  readonly oid: string;
  /** String type that is written. */
  readonly tag: number;
  /** Most characters (RFC 5280 appendix A upper bounds). */
  readonly maxLength: number;
  /** Exact length, where the type has one. */
  readonly exactLength?: number;
}

function utf8(oid: string, maxLength: number): AttributeRule {
  return { oid, tag: TAG.UTF8_STRING, maxLength };
}

/**
 * Naming attributes by their short names. Countries, serial numbers and DN qualifiers are PrintableString, domain
 * components and e-mail addresses IA5String, the rest UTF8String (RFC 5280 section 4.1.2.4 and appendix A).
 */
export const ATTRIBUTE_RULES = {
  CN: utf8(OID.commonName, 64),
  SN: utf8(OID.surname, 40),
  serialNumber: { oid: OID.serialNumber, tag: TAG.PRINTABLE_STRING, maxLength: 64 },
  C: { oid: OID.countryName, tag: TAG.PRINTABLE_STRING, maxLength: 2, exactLength: 2 },
  L: utf8(OID.localityName, 128),
  ST: utf8(OID.stateOrProvinceName, 128),
  street: utf8(OID.streetAddress, 128),
  O: utf8(OID.organizationName, 64),
  OU: utf8(OID.organizationalUnitName, 64),
  title: utf8(OID.title, 64),
  GN: utf8(OID.givenName, 16),
  initials: utf8(OID.initials, 5),
  generationQualifier: utf8(OID.generationQualifier, 3),
  dnQualifier: { oid: OID.dnQualifier, tag: TAG.PRINTABLE_STRING, maxLength: 64 },
  pseudonym: utf8(OID.pseudonym, 128),
  organizationIdentifier: utf8(OID.organizationIdentifier, 256),
  UID: utf8(OID.userId, 256),
  DC: { oid: OID.domainComponent, tag: TAG.IA5_STRING, maxLength: 63 },
  emailAddress: { oid: OID.emailAddress, tag: TAG.IA5_STRING, maxLength: 255 },
} as const satisfies Record<string, AttributeRule>;

/** Short name of a naming attribute. */
export type AttributeName = keyof typeof ATTRIBUTE_RULES;

const NAME_BY_OID: ReadonlyMap<string, AttributeName> = new Map(
  attributeNames().map((name) => [ATTRIBUTE_RULES[name].oid, name]),
);

const NAME_BY_FOLDED: ReadonlyMap<string, AttributeName> = new Map(
  attributeNames().map((name) => [name.toLowerCase(), name]),
);

function attributeNames(): AttributeName[] {
  // The keys of a constant object literal are exactly its declared keys.
  return Object.keys(ATTRIBUTE_RULES) as AttributeName[];
}

/** Short name of an attribute type, where it has one. */
export function attributeNameOf(oid: string): AttributeName | undefined {
  return NAME_BY_OID.get(oid);
}

/** The short name that a text means, whatever its case. */
export function findAttributeName(text: string): AttributeName | undefined {
  return NAME_BY_FOLDED.get(text.toLowerCase());
}

/** How an attribute type is written; undefined for one without a rule here. */
export function attributeRuleOf(oid: string): AttributeRule | undefined {
  const name = NAME_BY_OID.get(oid);
  return name === undefined ? undefined : ATTRIBUTE_RULES[name];
}
