/** An invariant (DESIGN section 3) that does not hold for something. */
export interface Breach {
  /** Which, as a short name: "ledger-without-intent". */
  readonly invariant: string;
  /** What it is broken for: a resource name, or an id with its kind. */
  readonly subject: string;
  /** What was found, in one line. */
  readonly detail: string;
}
