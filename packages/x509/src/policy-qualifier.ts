/** One qualifier of a policy, its value as one whole DER element. */
export interface PolicyQualifier {
  readonly id: string;
  readonly value: Uint8Array;
}
