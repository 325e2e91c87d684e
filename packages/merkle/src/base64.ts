/** Standard base64 with padding. RFC 4648, section 4. */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** Reads base64 if it is written in the one canonical way: no other alphabet, no spaces, no stray bits, full padding. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  // Buffer skips what it does not understand, so only an equal second encoding shows that nothing was skipped.
  return bytes.toString('base64') === text ? Uint8Array.from(bytes) : undefined;
}
