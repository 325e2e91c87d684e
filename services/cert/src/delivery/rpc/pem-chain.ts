import { encodePem } from '@cert-tasks/x509';

/** A chain is the same array as long as its authority is kept in memory, and stands under many certificates. */
const encoded = new WeakMap<readonly Uint8Array[], readonly string[]>();

/** Each certificate of a chain as PEM. */
export function pemChain(chain: readonly Uint8Array[]): readonly string[] {
  const known = encoded.get(chain);
  if (known !== undefined) return known;
  const pem = chain.map((der) => encodePem('CERTIFICATE', der));
  encoded.set(chain, pem);
  return pem;
}
