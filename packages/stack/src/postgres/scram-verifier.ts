import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/** PostgreSQL's own default (scram_iterations). */
const ITERATIONS = 4_096;
const SALT_BYTES = 16;

/**
 * What PostgreSQL stores for a password under SCRAM-SHA-256 (RFC 5803, RFC 5802 section 3). Given to ALTER ROLE in place of
 * the password, it keeps the password out of the server's log and statistics.
 *
 * The password must be printable ASCII: no SASLprep is done.
 */
export function scramVerifier(password: string): string {
  if (!/^[\x20-\x7e]+$/.test(password))
    throw new RangeError('A database password made here is printable ASCII and not empty.');
  const salt = randomBytes(SALT_BYTES);
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64');
  const serverKey = hmac(salted, 'Server Key').toString('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
