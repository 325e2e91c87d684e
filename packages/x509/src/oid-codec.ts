/** Longest accepted OBJECT IDENTIFIER content. The longest in use (2.25 UUIDs and vendor arcs) stay below 40. */
const MAX_OID_OCTETS = 64;

/**
 * Dotted decimal text of OBJECT IDENTIFIER content octets (X.690 section 8.19), or undefined where they are malformed:
 * empty, cut off, padded subidentifiers, or longer than 64 octets. Arcs of any size (2.25 holds 128-bit UUIDs).
 */
export function decodeOid(octets: Uint8Array): string | undefined {
  if (octets.length === 0 || octets.length > MAX_OID_OCTETS || (octets[octets.length - 1] ?? 0) >= 0x80)
    return undefined;
  let text = '';
  let start = 0;
  for (let i = 0; i < octets.length; i++) {
    if (i === start && octets[i] === 0x80) return undefined;
    if ((octets[i] ?? 0) >= 0x80) continue;
    const arc = decodeSubidentifier(octets, { start, end: i + 1 });
    text += start === 0 ? firstArcs(arc) : `.${arc}`;
    start = i + 1;
  }
  return text;
}

function decodeSubidentifier(octets: Uint8Array, range: { start: number; end: number }): number | bigint {
  if (range.end - range.start > 7) {
    let large = 0n;
    for (let i = range.start; i < range.end; i++) large = (large << 7n) | BigInt((octets[i] ?? 0) & 0x7f);
    return large;
  }
  let arc = 0;
  for (let i = range.start; i < range.end; i++) arc = arc * 128 + ((octets[i] ?? 0) & 0x7f);
  return arc;
}

function firstArcs(subidentifier: number | bigint): string {
  if (subidentifier < 40) return `0.${subidentifier}`;
  if (subidentifier < 80) return `1.${Number(subidentifier) - 40}`;
  return `2.${typeof subidentifier === 'bigint' ? subidentifier - 80n : subidentifier - 80}`;
}

/** Content octets of a dotted decimal OBJECT IDENTIFIER, or undefined where the text is not one. */
export function encodeOid(text: string): Uint8Array | undefined {
  if (text.length > 200 || !/^[0-2](\.(0|[1-9][0-9]*))+$/.test(text)) return undefined;
  const arcs = text.split('.').map(BigInt);
  const [first = 0n, second = 0n, ...rest] = arcs;
  if (first < 2n && second > 39n) return undefined;
  const octets: number[] = [];
  for (const arc of [first * 40n + second, ...rest]) appendSubidentifier(octets, arc);
  return octets.length > MAX_OID_OCTETS ? undefined : Uint8Array.from(octets);
}

function appendSubidentifier(octets: number[], arc: bigint): void {
  const groups = [Number(arc & 0x7fn)];
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) groups.push(Number(rest & 0x7fn) | 0x80);
  octets.push(...groups.reverse());
}
