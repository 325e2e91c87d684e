import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

const MAX_BYTES = 64 * 1_024;

/** The text of a secret file, or why there is none. */
export type SecretFile = { readonly text: string } | { readonly problem: string };

/**
 * Reads a file that holds one secret: UTF-8, at most 64 KiB, a regular file (a pipe could keep the start waiting for
 * ever). One line end at the end of the file is not part of the secret.
 *
 * The problem names no path: whoever mixes up NAME and NAME_FILE has put the secret itself there.
 */
export function readSecretFile(path: string): SecretFile {
  let bytes: Uint8Array;
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = fstatSync(file);
      if (!stats.isFile()) return { problem: 'names something that is no regular file' };
      if (stats.size > MAX_BYTES) return { problem: `names a file above ${MAX_BYTES} bytes` };
      const buffer = new Uint8Array(stats.size);
      bytes = buffer.subarray(0, readSync(file, buffer));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    return { problem: `names a file that cannot be read (${code})` };
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '');
    return text === '' ? { problem: 'names an empty file' } : { text };
  } catch {
    return { problem: 'names a file that is not UTF-8 text' };
  }
}
