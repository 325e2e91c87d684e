import { randomFillSync } from 'node:crypto';

/** A source of `length` unpredictable bytes (0 to 2^31 - 1), fit for keys and serials. */
export type RandomBytes = (length: number) => Uint8Array;

/** The random source of the operating system. */
export const systemRandomBytes: RandomBytes = (length) => randomFillSync(new Uint8Array(length));
