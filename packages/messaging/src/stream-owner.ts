import { Loop, type LoopObserver, type Service } from '@cert-tasks/lifecycle';
import { DiscardPolicy, type JetStreamManager, nanos, RetentionPolicy, StorageType, type StreamConfig } from 'nats';
import { configDifference } from './config-difference.ts';
import { isJetStreamError, JETSTREAM_CODE } from './jetstream-codes.ts';
import { MessagingError } from './messaging-error.ts';
import type { NatsConnection } from './nats-connection.ts';
import { eventStream, eventSubjects } from './subjects.ts';

const API_TIMEOUT_MS = 5_000;
const CHECK_INTERVAL_MS = 10_000;
const DEFAULT_MAX_BYTES = 256 * 1024 * 1024;
const DUPLICATE_WINDOW_MS = 2 * 60 * 1_000;
const MAX_AGE_MS = 24 * 60 * 60 * 1_000;
/** An event is at most 32 KiB, and has some headers. */
const MAX_MESSAGE_BYTES = 40 * 1024;
const BACKOFF = { baseMs: 200, maxMs: 5_000 };

/** Options of {@link StreamOwner}. */
export interface StreamOwnerOptions {
  readonly connection: NatsConnection;
  /** The service that owns the stream. */
  readonly source: string;
  readonly observer: LoopObserver;
  /** Copies in the cluster: 1 by default, 3 in production. */
  readonly replicas?: number;
  /** A full stream refuses more until consumers have caught up. 256 MiB by default. */
  readonly maxBytes?: number;
}

/**
 * Makes the stream of a service's events and sees to it that it is there and as it should be: on each connect, every ten
 * seconds, and when it is woken because a publish found no stream.
 *
 * A message stays until every consumer has acknowledged it, for a day at most: PostgreSQL has the events, the stream only
 * carries them.
 */
export class StreamOwner implements Service {
  readonly name: string;
  readonly #connection: NatsConnection;
  readonly #config: ReturnType<typeof streamConfig>;
  readonly #loop: Loop;
  #unsubscribe: (() => void) | undefined;

  /** @throws MessagingError 'unknown-source'. */
  constructor(options: StreamOwnerOptions) {
    const { connection, source, observer } = options;
    this.name = 'nats-stream';
    this.#connection = connection;
    this.#config = streamConfig(options);
    this.#loop = new Loop({
      name: `nats-stream-${source}`,
      intervalMs: CHECK_INTERVAL_MS,
      backoff: BACKOFF,
      observer,
      run: async () => {
        if (connection.connected) await this.ensure();
        return 'idle';
      },
    });
  }

  async start(): Promise<void> {
    this.#unsubscribe ??= this.#connection.onConnected(() => this.wake());
    await this.#loop.start();
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    await this.#loop.stop();
  }

  /** Looks at once whether the stream is there. */
  wake(): void {
    this.#loop.wake();
  }

  /**
   * Makes the stream, or changes it to what it should be.
   *
   * @throws MessagingError (as rejection) 'stream-config-differs' naming the settings that the server did not take;
   * 'nats-unavailable'.
   */
  async ensure(): Promise<void> {
    const manager = await this.#connection.client().jetstreamManager({ timeout: API_TIMEOUT_MS, checkAPI: false });
    const existing = await findStream(manager, this.#config.name);
    const first = existing ?? (await manager.streams.add(this.#config)).config;
    if (configDifference(this.#config, first).length === 0) return;
    const updated = await this.#update(manager);
    const different = configDifference(this.#config, updated);
    if (different.length > 0) throw this.#differs(different);
  }

  async #update(manager: JetStreamManager): Promise<StreamConfig> {
    try {
      return (await manager.streams.update(this.#config.name, this.#config)).config;
    } catch (cause) {
      const existing = await findStream(manager, this.#config.name);
      throw this.#differs(existing === undefined ? [] : configDifference(this.#config, existing), cause);
    }
  }

  #differs(settings: readonly string[], cause?: unknown): MessagingError {
    return new MessagingError(
      'stream-config-differs',
      `NATS has the stream ${this.#config.name} with other settings than it should (${settings.join(', ')}). Delete the stream, or use nats-server 2.9 or newer; it is made again by itself.`,
      cause === undefined ? {} : { cause },
    );
  }
}

function streamConfig({ source, replicas = 1, maxBytes = DEFAULT_MAX_BYTES }: StreamOwnerOptions) {
  return {
    name: eventStream(source),
    subjects: [eventSubjects(source)],
    retention: RetentionPolicy.Interest,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_bytes: maxBytes,
    max_age: nanos(MAX_AGE_MS),
    max_msg_size: MAX_MESSAGE_BYTES,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    num_replicas: replicas,
  };
}

async function findStream(manager: JetStreamManager, name: string): Promise<StreamConfig | undefined> {
  try {
    return (await manager.streams.info(name)).config;
  } catch (error) {
    if (isJetStreamError(error, JETSTREAM_CODE.streamNotFound)) return undefined;
    throw error;
  }
}
