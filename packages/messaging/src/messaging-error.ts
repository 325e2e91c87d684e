import { AppError } from '@cert-tasks/kernel';

/**
 * What went wrong with NATS.
 *
 * - `nats-unavailable`: not connected just now; it connects again by itself.
 * - `publish-failed`: JetStream did not take every event of a batch. Publishing them again is safe.
 * - `stream-config-differs`, `consumer-config-differs`: the server has another configuration than it was asked for.
 * - `insecure-connection`, `invalid-url`: the URL cannot be used.
 * - `unknown-source`: no service of the platform has this name.
 */
export type MessagingErrorCode =
  | 'nats-unavailable'
  | 'publish-failed'
  | 'stream-config-differs'
  | 'consumer-config-differs'
  | 'insecure-connection'
  | 'invalid-url'
  | 'unknown-source';

/** Raised by this package. */
export class MessagingError extends AppError<MessagingErrorCode> {}
