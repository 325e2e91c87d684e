/** A caller's request id, as it is recorded (ADR 5). */
export interface RequestClaim {
  readonly project: string;
  /** The caller with its kind: `service:cert`. */
  readonly caller: string;
  /** The RPC's name. */
  readonly method: string;
  /** As the caller gave it; not empty. */
  readonly requestId: string;
  /** The request's canonical encoding without its request id: what tells a repeat from another request. */
  readonly content: Uint8Array;
}

/** Which requests have been acted on. */
export interface RequestLog {
  /**
   * Takes the request for this transaction, which is about to act on `resource`.
   *
   * @returns `replay` where it was acted on before: change nothing and answer with the resource.
   * @throws when the id was used for another request, or the first one is still running.
   */
  claim(claim: RequestClaim, resource: string): Promise<'claimed' | 'replay'>;
}
