import type { Certificate } from './certificate.ts';
import { isDnsName, isDnsNameOrWildcard } from './dns-name.ts';
import { parseIpAddress } from './ip-address.ts';
import { parseMailbox } from './mailbox.ts';
import { equalOctets } from './octets.ts';
import { X509Error } from './x509-error.ts';

/** Whom a caller means to talk to. */
export interface PeerName {
  /** `dns`: a host name of LDH labels, without a dot at the end. `ip`: an address in text. `email`: a mailbox. */
  readonly kind: 'dns' | 'ip' | 'email';
  readonly value: string;
}

/**
 * True when a certificate is for a host name or address (RFC 9525 section 6): a DNS name equal without regard to case, or
 * a `*` that is the whole leftmost label standing for exactly one label; an address equal in its octets. A
 * mailbox is equal in its local part, and in its host without regard to case (RFC 5280 section 7.5). The subject is never
 * looked at. Presented names that are not well-formed match nothing.
 * @throws X509Error `invalid-argument` where the name asked for is malformed; `invalid-extension` or a
 * DER code where the certificate's subjectAltName is malformed.
 */
export function matchesPeerName(certificate: Certificate, peer: PeerName): boolean {
  const presented = certificate.subjectAltName ?? [];
  if (peer.kind === 'ip') {
    const wanted = parseIpAddress(peer.value);
    if (wanted === undefined) throw new X509Error('invalid-argument', 'The peer name is not an IP address');
    return presented.some(
      (name) => name.kind === 'ip' && equalOctets(parseIpAddress(name.value) ?? new Uint8Array(), wanted),
    );
  }
  if (peer.kind === 'email') {
    const wanted = mailboxKey(peer.value);
    if (wanted === undefined) throw new X509Error('invalid-argument', 'The peer name is not a mailbox');
    return presented.some((name) => name.kind === 'email' && mailboxKey(name.value) === wanted);
  }
  if (!isDnsName(peer.value)) throw new X509Error('invalid-argument', 'The peer name is not a host name of LDH labels');
  const wanted = peer.value.toLowerCase();
  return presented.some((name) => name.kind === 'dns' && matchesDnsName(name.value.toLowerCase(), wanted));
}

function mailboxKey(text: string): string | undefined {
  const mailbox = parseMailbox(text);
  return mailbox === undefined ? undefined : `${mailbox.local}@${mailbox.host.toLowerCase()}`;
}

function matchesDnsName(presented: string, wanted: string): boolean {
  if (!isDnsNameOrWildcard(presented)) return false;
  if (!presented.startsWith('*.')) return presented === wanted;
  return wanted.slice(wanted.indexOf('.')) === presented.slice(1);
}
