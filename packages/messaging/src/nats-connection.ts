import { backoffDelay, sleep } from '@cert-tasks/kernel';
import type { Service } from '@cert-tasks/lifecycle';
import { currentTraceparent, type Logger, type Metrics } from '@cert-tasks/telemetry';
import { type NatsConnection as Client, connect, Events, headers, type MsgHdrs } from 'nats';
import { connectionOptions, type NatsTarget } from './connection-options.ts';
import { MessagingError } from './messaging-error.ts';

const RETRY_BACKOFF = { baseMs: 250, maxMs: 5_000 };
const DRAIN_TIMEOUT_MS = 2_000;

/** Options of {@link NatsConnection}. */
export interface NatsConnectionOptions extends NatsTarget {
  readonly log: Logger;
  readonly metrics: Metrics;
}

interface HintSubscription {
  readonly subject: string;
  readonly onHint: () => void;
  unsubscribe: () => void;
}

/**
 * The connection of a service to NATS. It is made in the background and made again for ever: a NATS that is away keeps
 * nothing from starting, and shows in the gauge `certtasks_nats_connected` alone.
 */
export class NatsConnection implements Service {
  readonly name = 'nats';
  readonly #options: NatsConnectionOptions;
  readonly #clientOptions: ReturnType<typeof connectionOptions>;
  readonly #gauge: { set(value: number): void };
  readonly #listeners = new Set<() => void>();
  readonly #hints = new Set<HintSubscription>();
  #active: { readonly stopper: AbortController; readonly ended: Promise<void> } | undefined;
  #client: Client | undefined;
  #connected = false;

  /** @throws MessagingError 'invalid-url', 'insecure-connection'. */
  constructor(options: NatsConnectionOptions) {
    this.#options = options;
    this.#clientOptions = connectionOptions(options);
    this.#gauge = options.metrics.gauge({
      name: 'certtasks_nats_connected',
      help: '1 while connected to NATS, 0 otherwise: the platform then works on, with delays.',
    });
  }

  /** Whether it is connected now. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Begins to connect, and resolves at once. */
  async start(): Promise<void> {
    if (this.#active !== undefined) return;
    const stopper = new AbortController();
    this.#active = { stopper, ended: this.#keepConnected(stopper.signal) };
  }

  /** Sends what is under way, within 2 seconds, and disconnects. */
  async stop(): Promise<void> {
    const active = this.#active;
    active?.stopper.abort();
    await active?.ended;
    if (this.#active === active) this.#active = undefined;
  }

  /**
   * The client of the NATS library, for this package's other classes.
   *
   * @throws MessagingError 'nats-unavailable'.
   */
  client(): Client {
    if (this.#client === undefined || !this.#connected) {
      throw new MessagingError('nats-unavailable', 'NATS is not connected.', {
        advice: 'Check that nats-server runs and that NATS_URL is right. It is tried again until it works.',
        retryAfterMs: RETRY_BACKOFF.maxMs,
      });
    }
    return this.#client;
  }

  /** Calls `listener` each time the connection is there (again), until the returned function is called. */
  onConnected(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Sends a hint: nothing but its subject, to whoever listens now, at most once. Never fails. Nothing may depend on it:
   * hints make things faster.
   */
  publishHint(subject: string): void {
    if (!this.#connected) return;
    try {
      this.#client?.publish(subject, undefined, { headers: traceHeaders(currentTraceparent()) });
    } catch (err) {
      this.#options.log.debug({ err, subject }, 'a hint was not sent');
    }
  }

  /** Calls `onHint` for each hint that comes, until the returned function is called. It MUST NOT throw. */
  subscribeHint(subject: string, onHint: () => void): () => void {
    const hint: HintSubscription = { subject, onHint, unsubscribe: () => undefined };
    this.#hints.add(hint);
    if (this.#client !== undefined) this.#subscribe(this.#client, hint);
    return () => {
      this.#hints.delete(hint);
      hint.unsubscribe();
    };
  }

  async #keepConnected(signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    for (let failures = 0; !signal.aborted; ) {
      try {
        const client = await connect(this.#clientOptions);
        failures = 0;
        await this.#use(client, signal);
      } catch (err) {
        failures += 1;
        const level = failures === 1 ? 'warn' : 'debug';
        log[level]({ err }, 'NATS cannot be reached; it is tried again until it works');
        const delay = backoffDelay({ attempt: failures, ...RETRY_BACKOFF, random: Math.random });
        await sleep(delay, signal).catch(() => undefined);
      }
    }
  }

  /** Resolves when the client is closed, by the signal or by itself. */
  async #use(client: Client, signal: AbortSignal): Promise<void> {
    this.#client = client;
    for (const hint of this.#hints) this.#subscribe(client, hint);
    // Not waited for: the library does not end this iterator when it closes.
    void this.#watch(client);
    this.#setConnected(true);
    const close = (): void => void drained(client);
    if (signal.aborted) close();
    else signal.addEventListener('abort', close, { once: true });
    const reason = await client.closed();
    signal.removeEventListener('abort', close);
    this.#setConnected(false);
    this.#client = undefined;
    if (reason instanceof Error && !signal.aborted) throw reason;
  }

  async #watch(client: Client): Promise<void> {
    for await (const { type, data } of client.status()) {
      if (type === Events.Disconnect) this.#setConnected(false);
      else if (type === Events.Reconnect) this.#setConnected(true);
      else if (type === Events.Error) this.#options.log.warn({ detail: String(data) }, 'NATS reports an error');
    }
  }

  #setConnected(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.#gauge.set(connected ? 1 : 0);
    this.#options.log.info({}, connected ? 'NATS is connected' : 'NATS is not connected any more');
    if (connected) for (const listener of this.#listeners) listener();
  }

  #subscribe(client: Client, hint: HintSubscription): void {
    const subscription = client.subscribe(hint.subject, {
      callback: (error) => {
        if (error === null) hint.onHint();
        else this.#options.log.warn({ err: error, subject: hint.subject }, 'hints do not come in');
      },
    });
    hint.unsubscribe = () => subscription.unsubscribe();
  }
}

/** NATS headers with the W3C trace context, where there is one. */
export function traceHeaders(traceparent: string | undefined): MsgHdrs {
  const carrier = headers();
  if (traceparent !== undefined && traceparent !== '') carrier.set('traceparent', traceparent);
  return carrier;
}

/** Flushes and closes; a client that is not connected is only closed. */
async function drained(client: Client): Promise<void> {
  const late = AbortSignal.timeout(DRAIN_TIMEOUT_MS);
  await Promise.race([client.drain(), sleep(DRAIN_TIMEOUT_MS, late)]).catch(() => undefined);
  await client.close();
}
