const MILLISECONDS_PER_DAY = 86_400_000;
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Milliseconds since 1970 of a UTCTime `YYMMDDHHMMSSZ` or GeneralizedTime `YYYYMMDDHHMMSSZ` (RFC 5280 section
 * 4.1.2.5.1 and 4.1.2.5.2), or undefined for anything else: no fractions, no offsets, no 60th second, no other length.
 */
export function parseTimeOctets(octets: Uint8Array, kind: 'utc' | 'generalized'): number | undefined {
  const yearDigits = kind === 'utc' ? 2 : 4;
  if (octets.length !== yearDigits + 11 || octets[yearDigits + 10] !== 0x5a) return undefined;
  for (let i = 0; i < yearDigits + 10; i++) {
    const octet = octets[i] ?? 0;
    if (octet < 0x30 || octet > 0x39) return undefined;
  }
  const two = (at: number): number => ((octets[at] ?? 0) - 0x30) * 10 + (octets[at + 1] ?? 0) - 0x30;
  // Two-digit years: 50 to 99 are 19xx, 00 to 49 are 20xx (RFC 5280 section 4.1.2.5.1).
  const year = kind === 'utc' ? (two(0) >= 50 ? 1900 : 2000) + two(0) : two(0) * 100 + two(2);
  const [month, day, hour] = [two(yearDigits), two(yearDigits + 2), two(yearDigits + 4)];
  const [minute, second] = [two(yearDigits + 6), two(yearDigits + 8)];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  return daysSince1970(year, month, day) * MILLISECONDS_PER_DAY + ((hour * 60 + minute) * 60 + second) * 1000;
}

/**
 * `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` for a moment, cut to whole seconds; undefined where the form cannot say it
 * (years outside 1950 to 2049 for UTCTime, outside 0 to 9999 for GeneralizedTime, an invalid Date).
 */
export function formatTime(moment: Date, kind: 'utc' | 'generalized'): string | undefined {
  const year = moment.getUTCFullYear();
  if (Number.isNaN(year) || year < 0 || year > 9999) return undefined;
  if (kind === 'utc' && (year < 1950 || year > 2049)) return undefined;
  const digits = `${String(year).padStart(4, '0')}${pad(moment.getUTCMonth() + 1)}${pad(moment.getUTCDate())}${pad(
    moment.getUTCHours(),
  )}${pad(moment.getUTCMinutes())}${pad(moment.getUTCSeconds())}Z`;
  return kind === 'utc' ? digits.slice(2) : digits;
}

function pad(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

function daysInMonth(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return month === 2 && leap ? 29 : (DAYS_IN_MONTH[month - 1] ?? 0);
}

/** Days from 1970-01-01 in the proleptic Gregorian calendar; Date.UTC would read the years 0 to 99 as 19xx. */
function daysSince1970(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
