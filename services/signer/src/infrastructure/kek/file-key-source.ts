import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { SignerError } from '../../domain/errors.ts';
import type { SecretBytes } from '../software/secret-bytes.ts';
import type { KeyEncryptionKeySource } from './key-encryption-key-source.ts';
import { parseKeyText } from './key-text.ts';

const MAX_BYTES = 256;
/** Permission bits of group and others. */
const OPEN_TO_OTHERS = 0o077;

/** The key-encryption key from the file that SIGNER_KEK_FILE names: a regular file that only its owner can read. */
export class FileKeySource implements KeyEncryptionKeySource {
  readonly description = 'The file that SIGNER_KEK_FILE names';
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async read(): Promise<SecretBytes> {
    const file = await this.#open();
    try {
      await this.#check(file);
      const buffer = Buffer.alloc(MAX_BYTES);
      const { bytesRead } = await file.read(buffer, 0, MAX_BYTES, 0);
      const text = buffer.toString('latin1', 0, bytesRead).trim();
      buffer.fill(0);
      return parseKeyText(text, this.description);
    } finally {
      await file.close();
    }
  }

  async #open(): Promise<FileHandle> {
    try {
      // Not blocking: a named pipe would keep the start waiting for ever.
      return await open(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason';
      // The path stays out, and so does the cause, which repeats it: whoever mixes the two variables up put the key there.
      throw invalid(`${this.description} cannot be read (${code}). Name the file that holds the key-encryption key.`);
    }
  }

  /** Asks the open file, not its name, which may stand for another file a moment later. */
  async #check(file: FileHandle): Promise<void> {
    const stats = await file.stat();
    if (!stats.isFile()) throw invalid(`${this.description} is no regular file.`);
    if (stats.size > MAX_BYTES) throw invalid(`${this.description} is longer than a key.`);
    if ((stats.mode & OPEN_TO_OTHERS) !== 0) {
      throw invalid(`${this.description} is open to others than its owner. Close it: chmod 600.`);
    }
  }
}

function invalid(message: string): SignerError {
  return new SignerError('key-encryption-key-invalid', message);
}
