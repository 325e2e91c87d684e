import { toHex, toUnsigned } from './octets.ts';
import { X509Error } from './x509-error.ts';

/**
 * A serial number of 159 random bits, positive and in at most 20 octets (RFC 5280 section 4.1.2.2).
 * @param random 20 octets from a cryptographic generator. Their top bit is dropped.
 * @throws X509Error `invalid-argument` for another length, or for the all-zero outcome, which a working generator does
 * not give.
 */
export function serialFromRandom(random: Uint8Array): bigint {
  if (random.length !== 20)
    throw new X509Error('invalid-argument', 'Give exactly 20 random octets for a serial number');
  const serial = BigInt.asUintN(159, toUnsigned(random));
  if (serial === 0n) throw new X509Error('invalid-argument', 'The random octets are all zero: the generator is broken');
  return serial;
}

/** Lower-case hexadecimal of a serial number, an even number of digits, without the sign octet that DER may need. */
export function serialToHex(serial: bigint): string {
  if (serial < 0n) throw new X509Error('invalid-argument', 'A serial number is not negative');
  const digits = serial.toString(16);
  return digits.length % 2 === 0 ? digits : `0${digits}`;
}

/**
 * The serial number of a text in lower-case hexadecimal as `serialToHex` writes it.
 * @throws X509Error `invalid-argument` for any other form, and for more than 20 octets.
 */
export function serialFromHex(text: string): bigint {
  if (!/^([0-9a-f]{2}){1,20}$/.test(text) || (text.startsWith('00') && text !== '00')) {
    throw new X509Error(
      'invalid-argument',
      'A serial number is 1 to 20 octets in lower-case hexadecimal without leading zeros',
    );
  }
  return BigInt(`0x${text}`);
}

/** Lower-case hexadecimal of INTEGER content octets as they stand in a certificate, less a leading sign octet. */
export function serialOctetsToHex(octets: Uint8Array): string {
  return toHex(octets.length > 1 && octets[0] === 0 ? octets.subarray(1) : octets);
}
