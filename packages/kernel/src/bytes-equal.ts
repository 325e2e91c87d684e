import { timingSafeEqual } from 'node:crypto';

/** Whether both hold the same bytes. Its time depends on them: for secrets use {@link constantTimeEqual}. */
export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** Whether both hold the same bytes, in a time that depends on their lengths alone. Lengths are not secret. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
