/** Identifier octets of the universal types that X.509 uses (X.690 section 8.1.2), the constructed bit included. */
export const TAG = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  NULL: 0x05,
  OID: 0x06,
  ENUMERATED: 0x0a,
  UTF8_STRING: 0x0c,
  NUMERIC_STRING: 0x12,
  PRINTABLE_STRING: 0x13,
  TELETEX_STRING: 0x14,
  IA5_STRING: 0x16,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  VISIBLE_STRING: 0x1a,
  UNIVERSAL_STRING: 0x1c,
  BMP_STRING: 0x1e,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** Identifier octet of a primitive context tag, `[n] IMPLICIT` of a primitive type. n is 0 to 30. */
export function contextTag(n: number): number {
  return 0x80 | n;
}

/** Identifier octet of a constructed context tag, `[n] EXPLICIT` or `[n] IMPLICIT` of a SEQUENCE or SET. n is 0 to 30. */
export function constructedContextTag(n: number): number {
  return 0xa0 | n;
}
