import { fromHex, serialFromRandom, serialToHex, toHex } from '@cert-tasks/x509';

/**
 * A serial number as it is kept: 20 octets, 159 of their bits random (docs/adr/0003). @throws X509Error for a broken
 * generator.
 */
export function serialFromBytes(random: Uint8Array): Uint8Array {
  return fromHex(serialToHex(serialFromRandom(random)).padStart(40, '0'));
}

/** 40 lower-case hexadecimal digits. */
export function formatSerial(serial: Uint8Array): string {
  return toHex(serial);
}
