import type { Clock } from './clock.ts';
import { bytesToHex } from './hex.ts';
import type { RandomBytes } from './random-bytes.ts';

const MAX_UNIX_MS = 2 ** 48 - 1;

/**
 * A new UUID of version 7 as lower-case text (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then 74 random bits.
 *
 * Ids of different milliseconds sort by time, as text and as bytes; within one millisecond their order is random.
 *
 * @throws RangeError when the clock is before 1970 or after the year 10889, which 48 bits cannot hold.
 */
export function newId({ clock, randomBytes }: { clock: Clock; randomBytes: RandomBytes }): string {
  const unixMs = clock.now().getTime();
  if (!(unixMs >= 0 && unixMs <= MAX_UNIX_MS)) {
    throw new RangeError('The clock is outside the range of a UUIDv7. Set the time of this machine.');
  }
  const random = bytesToHex(randomBytes(10));
  const time = unixMs.toString(16).padStart(12, '0');
  // The top two bits of this digit are the variant 10 (RFC 9562, section 4.1); two random bits stay.
  const variant = (8 | (Number.parseInt(random.charAt(3), 16) & 3)).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}
