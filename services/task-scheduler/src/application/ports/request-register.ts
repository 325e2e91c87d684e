/** What makes a caller's call the same call: see docs/adr/0005. */
export interface RequestIdentity {
  /** Of project, principal, method and request id. */
  readonly key: Uint8Array;
  /** Of the request without its request id. */
  readonly hash: Uint8Array;
}

/** A request, and the name of the resource that it is about to make or change. */
export interface NamedRequest {
  readonly identity: RequestIdentity;
  readonly resource: string;
}

/** What came of claiming a request. */
export type RequestClaim =
  /** It is new: what it does is done in this transaction. */
  | { readonly outcome: 'claimed' }
  /** It has been done: the resource that it made or changed. */
  | { readonly outcome: 'replay'; readonly resource: string }
  /** Another request has the same id; nothing was claimed for it, and the transaction can go on. */
  | { readonly outcome: 'refused'; readonly error: Error };

/** The requests that have been done, in the transaction at hand. */
export interface RequestRegister {
  /**
   * Claims requests, before anything else in the transaction. Answers in their order.
   *
   * @throws an AppError `request-in-progress` where one of them runs elsewhere for too long; the transaction is lost
   * then.
   */
  claim(requests: readonly NamedRequest[]): Promise<readonly RequestClaim[]>;
}
