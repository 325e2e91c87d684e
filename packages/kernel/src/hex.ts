import { AppError } from './app-error.ts';

/** Why hexadecimal text was refused. */
export type HexErrorCode = 'invalid-hex';

/** Raised by {@link hexToBytes}. It never repeats the text, which may be secret. */
export class HexError extends AppError<HexErrorCode> {}

/** The bytes as lower-case hexadecimal text. */
export function bytesToHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/**
 * The bytes that hexadecimal text (either case, two digits a byte, nothing between) stands for.
 *
 * @throws HexError `invalid-hex` on an odd length or any other character.
 */
export function hexToBytes(hex: string): Uint8Array {
  // Buffer stops without a word at the first character that is no digit, and drops an odd last one: the length tells.
  const bytes = new Uint8Array(Buffer.from(hex, 'hex'));
  if (bytes.length * 2 !== hex.length) {
    throw new HexError(
      'invalid-hex',
      'Expected hexadecimal text: pairs of the digits 0-9 and a-f, nothing between them.',
    );
  }
  return bytes;
}
