/** Tells other replicas that tasks are ready. A hint may be lost, and is never trusted: the table decides. */
export interface ReadyHints {
  /** Cheap, and safe to call for every commit. MUST NOT throw. */
  publish(): void;
}
