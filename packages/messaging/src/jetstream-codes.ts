import { NatsError } from 'nats';

/** Error codes of the JetStream API (nats-server, server/errors.json). */
export const JETSTREAM_CODE = { consumerNotFound: 10014, streamNotFound: 10059 } as const;

/** Whether JetStream answered with this code. */
export function isJetStreamError(error: unknown, code: number): boolean {
  return error instanceof NatsError && error.api_error?.err_code === code;
}
