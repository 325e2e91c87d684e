import { Loop, type LoopObserver, type LoopOutcome, type Service } from '@cert-tasks/lifecycle';
import { AckPolicy, type ConsumerMessages, DeliverPolicy, type JsMsg, nanos, ReplayPolicy } from 'nats';
import { configDifference } from './config-difference.ts';
import { isJetStreamError, JETSTREAM_CODE } from './jetstream-codes.ts';
import { MessagingError } from './messaging-error.ts';
import type { NatsConnection } from './nats-connection.ts';
import { type ReceivedEvent, readMessage, type UndecodableMessage } from './received-event.ts';
import { eventStream } from './subjects.ts';

const API_TIMEOUT_MS = 5_000;
/** How often it looks whether it is still subscribed. */
const CHECK_INTERVAL_MS = 2_000;
const IDLE_INTERVAL_MS = 60_000;
/** A consumer that vanished on a server that lives is noticed after about as long. */
const PULL_EXPIRES_MS = 5_000;
const DEFAULT_BATCH = 256;
const DEFAULT_ACK_WAIT_MS = 10_000;
const BACKOFF = { baseMs: 200, maxMs: 5_000 };

/** Options of {@link EventConsumer}. */
export interface EventConsumerOptions {
  readonly connection: NatsConnection;
  /** Whose events. */
  readonly source: string;
  /** The consumer's name on the server, shared by all replicas, which share the events: the consuming service. */
  readonly consumer: string;
  /**
   * Takes in a batch. Events may come again, out of order or with gaps; numbers tell. They are acknowledged when it
   * resolves; when it rejects they come again after `ackWaitMs`. MUST bound its own time to less than that.
   */
  readonly handle: (batch: readonly ReceivedEvent[], signal: AbortSignal) => Promise<void>;
  /** Records a message that is no event; acknowledged when it resolves, so that it blocks nothing. */
  readonly handleUndecodable: (message: UndecodableMessage) => Promise<void>;
  readonly observer: LoopObserver;
  /** Most events of one `handle`; twice as many are under way at most. 256 by default. */
  readonly maxBatch?: number;
  /** 10 s by default. */
  readonly ackWaitMs?: number;
}

/**
 * Receives the events of one source from JetStream, through a durable pull consumer that it makes and makes again.
 *
 * Batches are natural: while one is handled the next gathers. Nothing is lost for good when the broker loses it, since the
 * source's feed has every event: consumers read it when they see a gap, and now and then.
 */
export class EventConsumer implements Service {
  readonly name: string;
  readonly #options: EventConsumerOptions;
  readonly #maxBatch: number;
  readonly #subscriber: Loop;
  readonly #handler: Loop;
  #messages: ConsumerMessages | undefined;
  #waiting: JsMsg[] = [];
  #unsubscribe: (() => void) | undefined;

  /** @throws MessagingError 'unknown-source'. */
  constructor(options: EventConsumerOptions) {
    const { source, observer } = options;
    this.name = `event-consumer-${source}`;
    this.#options = options;
    this.#maxBatch = options.maxBatch ?? DEFAULT_BATCH;
    eventStream(source);
    this.#subscriber = new Loop({
      name: `event-subscribe-${source}`,
      intervalMs: CHECK_INTERVAL_MS,
      backoff: BACKOFF,
      observer,
      run: () => this.#subscribe(),
    });
    this.#handler = new Loop({
      name: `event-handle-${source}`,
      intervalMs: IDLE_INTERVAL_MS,
      backoff: BACKOFF,
      observer,
      run: (signal) => this.#handleBatch(signal),
    });
  }

  async start(): Promise<void> {
    this.#unsubscribe ??= this.#options.connection.onConnected(() => this.#subscriber.wake());
    await this.#handler.start();
    await this.#subscriber.start();
  }

  /** Takes no more events and resolves when the batch that is being handled is done; the rest comes again. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    await this.#subscriber.stop();
    const messages = this.#messages;
    this.#messages = undefined;
    void messages?.close();
    this.#waiting = [];
    await this.#handler.stop();
  }

  async #subscribe(): Promise<LoopOutcome> {
    const { connection } = this.#options;
    if (this.#messages !== undefined || !connection.connected) return 'idle';
    const stream = eventStream(this.#options.source);
    const client = connection.client();
    if (!(await this.#ensureConsumer(stream))) return 'idle';
    const consumer = await client.jetstream({ timeout: API_TIMEOUT_MS }).consumers.get(stream, this.#options.consumer);
    const messages = await consumer.consume({
      max_messages: this.#maxBatch,
      expires: PULL_EXPIRES_MS,
      abort_on_missing_resource: true,
      callback: (message) => this.#receive(messages, message),
    });
    this.#messages = messages;
    void messages.closed().then(() => this.#lost(messages));
    return 'idle';
  }

  /** False while the stream is not there: its owner makes it. */
  async #ensureConsumer(stream: string): Promise<boolean> {
    const { consumer, ackWaitMs = DEFAULT_ACK_WAIT_MS } = this.#options;
    const wanted = {
      durable_name: consumer,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ackWaitMs),
      deliver_policy: DeliverPolicy.All,
      replay_policy: ReplayPolicy.Instant,
      max_ack_pending: this.#maxBatch * 2,
    };
    const client = this.#options.connection.client();
    const manager = await client.jetstreamManager({ timeout: API_TIMEOUT_MS, checkAPI: false });
    try {
      const { config } = await manager.consumers.add(stream, wanted);
      const different = configDifference(wanted, config);
      if (different.length === 0) return true;
      throw new MessagingError(
        'consumer-config-differs',
        `NATS has the consumer ${consumer} of ${stream} with other settings than it should (${different.join(', ')}). Delete the consumer; it is made again by itself.`,
      );
    } catch (error) {
      if (isJetStreamError(error, JETSTREAM_CODE.streamNotFound)) return false;
      throw error;
    }
  }

  #receive(messages: ConsumerMessages, message: JsMsg): void {
    if (this.#messages !== undefined && this.#messages !== messages) return;
    this.#waiting.push(message);
    this.#handler.wake();
  }

  /** The consumer or its stream vanished, or the connection was closed: what waits would be acknowledged in vain. */
  #lost(messages: ConsumerMessages): void {
    if (this.#messages !== messages) return;
    this.#messages = undefined;
    this.#waiting = [];
    this.#subscriber.wake();
  }

  async #handleBatch(signal: AbortSignal): Promise<LoopOutcome> {
    const batch = this.#waiting.splice(0, this.#maxBatch);
    if (batch.length === 0) return 'idle';
    const events: ReceivedEvent[] = [];
    for (const message of batch) {
      const read = readMessage({ subject: message.subject, raw: bytesOf(message) });
      if ('event' in read) events.push(read);
      else await this.#options.handleUndecodable(read);
    }
    if (events.length > 0) await this.#options.handle(events, signal);
    for (const message of batch) message.ack();
    return this.#waiting.length > 0 ? 'again' : 'idle';
  }
}

/** The client's Buffer as what it is to everybody else. */
function bytesOf({ data }: JsMsg): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
