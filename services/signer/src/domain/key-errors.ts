import { SignerError } from './errors.ts';

/** A key that is not there, or is another project's: the two are one to a caller. */
export function keyNotFound(field: string): SignerError {
  return new SignerError('key-not-found', 'There is no such key in this project.', { field });
}

/** A key that signs no more. */
export function keyDisabled(field: string): SignerError {
  return new SignerError('key-disabled', 'The key is disabled and signs nothing any more. Use another key.', { field });
}
