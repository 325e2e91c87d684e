import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  ReadEventsRequestSchema,
  ReadEventsResponseSchema,
  ReportPositionRequestSchema,
} from '@cert-tasks/contracts/event/v1';
import { type EventFeedHandlers, OutboxError } from '@cert-tasks/outbox';
import type { EventFeed, FeedPage } from '../../application/ports/event-feed.ts';
import { feedPage } from './feed-page.ts';
import { feedError } from './rpc-event-feed.ts';

const SELF = { kind: 'service', id: 'audit' } as const;

/** The log's own feed, which is in the same process. */
export class LocalEventFeed implements EventFeed {
  readonly source = SELF.id;
  readonly #handlers: EventFeedHandlers;

  constructor(handlers: EventFeedHandlers) {
    this.#handlers = handlers;
  }

  async read(request: { after: bigint; limit: number; waitMs: number; signal: AbortSignal }): Promise<FeedPage> {
    const { after: afterNumber, limit: pageSize, waitMs, signal } = request;
    const wait = waitMs > 0 ? { wait: durationFromMs(waitMs) } : {};
    const message = create(ReadEventsRequestSchema, { afterNumber, pageSize, ...wait });
    const answer = await this.#call(() => this.#handlers.readEvents({ principal: SELF, signal }, message));
    signal.throwIfAborted();
    return feedPage(this.source, create(ReadEventsResponseSchema, answer));
  }

  async reportPosition(number: bigint, signal: AbortSignal): Promise<void> {
    const message = create(ReportPositionRequestSchema, { consumer: SELF.id, number });
    await this.#call(() => this.#handlers.reportPosition({ principal: SELF, signal }, message));
  }

  async #call<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof OutboxError)) throw error;
      throw feedError(this.source, { reason: error.code.toUpperCase().replaceAll('-', '_'), cause: error });
    }
  }
}
