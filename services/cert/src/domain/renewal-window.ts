/** When a certificate is to be renewed: from `start`, and done by `end`. */
export interface RenewalWindow {
  readonly start: Date;
  readonly end: Date;
}

/**
 * The window for a validity: it opens after two thirds of the lifetime, moved by up to a twelfth of the lifetime so
 * that certificates
 * issued together do not renew together, and closes at eleven twelfths, while there is still time for a person.
 *
 * @param jitter from 0 (included) to 1 (excluded); drawn once for each certificate.
 */
export function renewalWindow({
  notBefore,
  notAfter,
  jitter,
}: {
  notBefore: Date;
  notAfter: Date;
  jitter: number;
}): RenewalWindow {
  const begin = notBefore.getTime();
  const lifetime = notAfter.getTime() - begin;
  return {
    start: new Date(begin + Math.floor((lifetime * (8 + jitter)) / 12)),
    end: new Date(begin + Math.floor((lifetime * 11) / 12)),
  };
}
