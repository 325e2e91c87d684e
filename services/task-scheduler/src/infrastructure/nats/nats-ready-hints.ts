import { hintSubject, type NatsConnection } from '@cert-tasks/messaging';
import type { ReadyHints } from '../../application/ports/ready-hints.ts';

const SUBJECT = hintSubject({ source: 'task-scheduler', name: 'ready' });

/** Hints closer together than this are one: a hundred commits need not wake every replica a hundred times. */
const MIN_GAP_MS = 5;

/** Hints over NATS, to all replicas; where there is no NATS, nowhere, and the replicas poll. */
export class NatsReadyHints implements ReadyHints {
  readonly #nats: Pick<NatsConnection, 'publishHint' | 'subscribeHint'> | undefined;
  #gap: NodeJS.Timeout | undefined;
  #again = false;

  constructor(nats: Pick<NatsConnection, 'publishHint' | 'subscribeHint'> | undefined) {
    this.#nats = nats;
  }

  publish(): void {
    if (this.#nats === undefined) return;
    if (this.#gap !== undefined) {
      this.#again = true;
      return;
    }
    this.#nats.publishHint(SUBJECT);
    this.#gap = setTimeout(() => {
      this.#gap = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.publish();
    }, MIN_GAP_MS);
    this.#gap.unref();
  }

  /** Calls `onHint` for hints of all replicas, this one's included, until the returned function is called. */
  subscribe(onHint: () => void): () => void {
    return this.#nats?.subscribeHint(SUBJECT, onHint) ?? (() => undefined);
  }
}
