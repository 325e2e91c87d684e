/** What signer is asked to sign, whole. */
export interface SigningOrder {
  /** The intent's UUID: signed once, ever. */
  readonly intentId: string;
  /** "projects/{project}/keys/{key}". */
  readonly keyName: string;
  readonly kind: 'certificate' | 'crl';
  readonly tbs: Uint8Array;
}

/** How an intent ended at signer. */
export type IntentResolution =
  | { readonly outcome: 'signed'; readonly signature: Uint8Array }
  | { readonly outcome: 'voided' };

/** Signatures from signer. MUST have a deadline of its own. */
export interface SigningBackend {
  /**
   * Signs, or answers with the first signature of the same intent.
   * @throws CertError `signer-unavailable` where it is not known whether it signed: the intent stays pending;
   * `issuance-refused` where signer refused
   * for good.
   */
  sign(order: SigningOrder): Promise<Uint8Array>;
  /** Ends an intent: its signature, or voided for good. @throws CertError `signer-unavailable`. */
  resolve(intent: { readonly intentId: string; readonly keyName: string }): Promise<IntentResolution>;
}
