/** Who has credentials at the NATS server: the four services, and the platform itself. */
export const NATS_USERS = ['cert', 'signer', 'task', 'audit', 'stack'] as const;

/** A user of the NATS server. */
export type NatsUser = (typeof NATS_USERS)[number];

/** Bytes; an event is at most 32 KiB. */
const MAX_PAYLOAD = 1024 * 1024;

/** What the configuration is made of. */
export interface NatsConfigOptions {
  readonly port: number;
  readonly storeDirectory: string;
  readonly pidFile: string;
  /** Printable ASCII without quotes and backslashes. */
  readonly passwords: Readonly<Record<NatsUser, string>>;
}

/** Name of the stream that a service owns. A stream name holds no dot. */
export function streamName(service: Exclude<NatsUser, 'stack'>): string {
  return `EVENTS_${service.toUpperCase()}`;
}

/**
 * The configuration file of the server. JSON is a subset of its format, and needs no quoting rules of our own.
 *
 * A service may publish below its own subjects only, make and change its own stream only, and read any stream. Only the
 * platform itself may do everything.
 */
export function natsConfig(options: NatsConfigOptions): string {
  const users = NATS_USERS.map((user) => ({
    user,
    password: options.passwords[user],
    ...(user === 'stack' ? {} : { permissions: servicePermissions(user) }),
  }));
  return `${JSON.stringify(
    {
      server_name: 'cert-tasks',
      listen: `127.0.0.1:${options.port}`,
      pid_file: options.pidFile,
      max_payload: MAX_PAYLOAD,
      jetstream: {
        store_dir: options.storeDirectory,
        max_memory_store: 64 * 1024 * 1024,
        max_file_store: 4 * 1024 * 1024 * 1024,
      },
      authorization: { users },
    },
    undefined,
    2,
  )}\n`;
}

function servicePermissions(service: Exclude<NatsUser, 'stack'>): object {
  const own = streamName(service);
  return {
    publish: {
      allow: [
        `events.${service}.>`,
        'hints.>',
        '$JS.API.INFO',
        '$JS.API.STREAM.NAMES',
        '$JS.API.STREAM.LIST',
        '$JS.API.STREAM.INFO.*',
        `$JS.API.STREAM.CREATE.${own}`,
        `$JS.API.STREAM.UPDATE.${own}`,
        '$JS.API.CONSUMER.CREATE.>',
        '$JS.API.CONSUMER.DURABLE.CREATE.>',
        '$JS.API.CONSUMER.INFO.>',
        '$JS.API.CONSUMER.NAMES.*',
        '$JS.API.CONSUMER.LIST.*',
        '$JS.API.CONSUMER.MSG.NEXT.>',
        '$JS.ACK.>',
        '$JS.FC.>',
      ],
    },
    subscribe: { allow: ['_INBOX.>', 'events.>', 'hints.>'] },
  };
}
