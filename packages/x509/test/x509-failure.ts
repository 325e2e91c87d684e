import { X509Error, type X509ErrorCode } from '../src/x509-error.ts';

/** The X509Error that an act throws; fails where it throws nothing or something else. */
export function failureOf(act: () => unknown): X509Error {
  try {
    act();
  } catch (error) {
    if (error instanceof X509Error) return error;
    throw error;
  }
  throw new Error('an X509Error was expected, nothing was thrown');
}

/** Code of the X509Error that an act throws. */
export function codeOf(act: () => unknown): X509ErrorCode {
  return failureOf(act).code;
}
