/**
 * Octets of a textual IPv4 (dotted decimal, four parts, no leading zeros) or IPv6 address (RFC 4291 section 2.2, no zone),
 * or undefined for anything else.
 */
export function parseIpAddress(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): Uint8Array | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const parts = match.slice(1);
  // A leading zero is octal to some readers and decimal to others.
  if (parts.some((part) => (part.length > 1 && part.startsWith('0')) || Number(part) > 255)) return undefined;
  return Uint8Array.from(parts, Number);
}

function parseIpv6(text: string): Uint8Array | undefined {
  if (text.length > 45 || !/^[0-9a-fA-F:.]+$/.test(text)) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [left, right] = halves.map((half) => parseGroups(half));
  if (left === undefined || (halves.length === 2 && right === undefined)) return undefined;
  if (halves.length === 2 && halves[0]?.includes('.')) return undefined;
  const given = left.length + (right?.length ?? 0);
  // "::" stands for at least one group of zeros.
  if (halves.length === 1 ? given !== 16 : given > 14) return undefined;
  const octets = new Uint8Array(16);
  octets.set(left, 0);
  octets.set(right ?? [], 16 - (right?.length ?? 0));
  return octets;
}

function parseGroups(half: string): number[] | undefined {
  if (half === '') return [];
  const octets: number[] = [];
  const groups = half.split(':');
  for (const [index, group] of groups.entries()) {
    const embedded = index === groups.length - 1 && group.includes('.') ? parseIpv4(group) : undefined;
    if (embedded !== undefined) octets.push(...embedded);
    else if (/^[0-9a-fA-F]{1,4}$/.test(group))
      octets.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff);
    else return undefined;
  }
  return octets;
}

/** Text of 4 or 16 octets: dotted decimal, or RFC 5952 (lower case, longest run of zeros as `::`). Undefined otherwise. */
export function formatIpAddress(octets: Uint8Array): string | undefined {
  if (octets.length === 4) return Array.from(octets).join('.');
  if (octets.length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) => ((octets[i * 2] ?? 0) << 8) | (octets[i * 2 + 1] ?? 0));
  const run = longestZeroRun(groups);
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (run.length < 2) return text(groups);
  return `${text(groups.slice(0, run.start))}::${text(groups.slice(run.start + run.length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (start + length < groups.length && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

/** A block of addresses: the address and how many leading bits count. */
export interface IpNetwork {
  readonly address: Uint8Array;
  readonly prefixLength: number;
}

/** `192.0.2.0/24` or `2001:db8::/32`; undefined for other text, and where bits after the prefix are set. */
export function parseIpNetwork(text: string): IpNetwork | undefined {
  const match = /^([0-9a-fA-F:.]+)\/(0|[1-9][0-9]{0,2})$/.exec(text);
  const address = match === null ? undefined : parseIpAddress(match[1] ?? '');
  const prefixLength = Number(match?.[2]);
  if (address === undefined || prefixLength > address.length * 8) return undefined;
  const network = { address, prefixLength };
  return address.every((octet, i) => (octet & ~maskOctet(prefixLength, i)) === 0) ? network : undefined;
}

/** Text of a network, `address/prefix`. */
export function formatIpNetwork(network: IpNetwork): string {
  return `${formatIpAddress(network.address)}/${network.prefixLength}`;
}

/** The network of an address followed by a mask of the same length (RFC 5280 section 4.2.1.10); undefined where the mask has holes. */
export function networkFromMask(octets: Uint8Array): IpNetwork | undefined {
  if (octets.length !== 8 && octets.length !== 32) return undefined;
  const half = octets.length / 2;
  const [address, mask] = [octets.slice(0, half), octets.subarray(half)];
  let prefixLength = 0;
  while (prefixLength < half * 8 && ((mask[prefixLength >> 3] ?? 0) & (0x80 >> (prefixLength & 7))) !== 0)
    prefixLength++;
  if (!mask.every((octet, i) => octet === maskOctet(prefixLength, i))) return undefined;
  // Bits outside the mask say nothing; they are dropped so that equal networks read equal.
  for (let i = 0; i < half; i++) address[i] = (address[i] ?? 0) & maskOctet(prefixLength, i);
  return { address, prefixLength };
}

/** Address and mask one after another, as name constraints hold them. */
export function networkToMask({ address, prefixLength }: IpNetwork): Uint8Array {
  const octets = new Uint8Array(address.length * 2);
  octets.set(address);
  for (let i = 0; i < address.length; i++) octets[address.length + i] = maskOctet(prefixLength, i);
  return octets;
}

/** True when the address is of the network's family and lies in it. */
export function isInNetwork(address: Uint8Array, network: IpNetwork): boolean {
  if (address.length !== network.address.length) return false;
  return network.address.every((octet, i) => ((octet ^ (address[i] ?? 0)) & maskOctet(network.prefixLength, i)) === 0);
}

function maskOctet(prefixLength: number, index: number): number {
  const bits = Math.min(8, Math.max(0, prefixLength - index * 8));
  return (0xff00 >> bits) & 0xff;
}
