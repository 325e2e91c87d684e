import { hash } from 'node:crypto';

/**
 * Remembers which certificates were found to be signed by which keys, over many validations: the links between CAs are
 * checked once instead of each time. It knows them by a hash of their octets, keeps only signatures that hold, and forgets
 * the oldest when it is full. It says nothing of validity, revocation or rights, which are checked each time.
 */
export class SignatureMemo {
  readonly #known = new Set<string>();
  readonly #maxEntries: number;

  /** @param maxEntries Most links kept; some 150 octets each. */
  constructor(maxEntries = 10_000) {
    this.#maxEntries = maxEntries;
  }

  /** True where this certificate was remembered as signed by this key. */
  has(certificateDer: Uint8Array, issuerSpki: Uint8Array): boolean {
    return this.#known.has(linkKey(certificateDer, issuerSpki));
  }

  /** Remembers a link whose signature was checked. */
  add(certificateDer: Uint8Array, issuerSpki: Uint8Array): void {
    if (this.#known.size >= this.#maxEntries) {
      const [oldest] = this.#known;
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.add(linkKey(certificateDer, issuerSpki));
  }
}

/** Each is one DER element, so that where one ends and the other begins is part of the text. */
function linkKey(certificateDer: Uint8Array, issuerSpki: Uint8Array): string {
  return `${hash('sha256', certificateDer, 'base64')}${hash('sha256', issuerSpki, 'base64')}`;
}
