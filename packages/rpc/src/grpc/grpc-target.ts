import { isIP } from 'node:net';
import { isLoopback } from '../listener/listen-on.ts';

/**
 * The target of a channel from an address setting: `host:port`, `dns:///host:port` (all its addresses in turn), or a comma
 * list of IP addresses with ports (in turn).
 *
 * @throws TypeError when the list names a host: grpc-js resolves only one name, which may stand for many addresses.
 */
export function grpcTarget(address: string): string {
  const entries = address.split(',').map((entry) => entry.trim());
  const [first = ''] = entries;
  if (entries.length === 1) return first.includes('://') ? first : (ipTarget([first]) ?? `dns:///${first}`);
  const target = ipTarget(entries);
  if (target === undefined) {
    throw new TypeError(
      `A list of addresses takes IP addresses of one family with ports, not "${address}". For names use dns:///host:port.`,
    );
  }
  return target;
}

function ipTarget(entries: readonly string[]): string | undefined {
  const families = new Set(entries.map((entry) => isIP(hostOf(entry))));
  const [family] = families;
  if (families.size !== 1 || family === undefined || family === 0) return undefined;
  return `ipv${family}:${entries.join(',')}`;
}

/** Whether all that the address setting names is this machine. */
export function isLoopbackAddress(address: string): boolean {
  return address.split(',').every((entry) => isLoopback(hostOf(entry.trim().replace(/^dns:\/{1,3}/, ''))));
}

/** The IP addresses that the address setting names; none where it names a host. */
export function ipAddresses(address: string): string[] {
  return address
    .split(',')
    .map((entry) => hostOf(entry.trim()))
    .filter((host) => isIP(host) !== 0);
}

function hostOf(entry: string): string {
  return entry.replace(/:\d{1,5}$/, '').replace(/^\[(.*)\]$/, '$1');
}
