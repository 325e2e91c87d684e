import { SignerError } from '../../domain/errors.ts';
import { SecretBytes } from '../software/secret-bytes.ts';

/** 64 hex digits. */
const HEX = /^[0-9a-fA-F]{64}$/;
/** 32 bytes are 43 characters of base64, the last of them of 4 bits and 2 that are zero. */
const BASE64 = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/**
 * The 32 bytes that a text stands for, as 64 hexadecimal digits or as base64.
 *
 * @param source Where the text comes from, for the message.
 * @throws SignerError `key-encryption-key-invalid`; the message never repeats the text.
 */
export function parseKeyText(text: string, source: string): SecretBytes {
  if (HEX.test(text)) return new SecretBytes(decoded(text, 'hex'));
  if (BASE64.test(text)) return new SecretBytes(decoded(text, 'base64'));
  throw new SignerError(
    'key-encryption-key-invalid',
    `${source} does not hold a key-encryption key: 32 random bytes as base64 or as hexadecimal digits. One is made by: openssl rand -base64 32`,
  );
}

/** In memory of its own: Buffer.from(text) would leave a piece of the pool that other buffers share. */
function decoded(text: string, encoding: 'hex' | 'base64'): Uint8Array {
  const bytes = Buffer.alloc(32);
  bytes.write(text, encoding);
  return bytes;
}
