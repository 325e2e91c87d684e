import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { EventFeedService } from '@cert-tasks/contracts/event/v1';
import { type GrpcClient, RpcError } from '@cert-tasks/rpc';
import type { EventFeed, FeedPage } from '../../application/ports/event-feed.ts';
import { AuditError } from '../../domain/errors.ts';
import { feedPage } from './feed-page.ts';

const READ_DEADLINE_MS = 10_000;
const REPORT_DEADLINE_MS = 5_000;
/** The name under which the log reports how far it is. */
const CONSUMER = 'audit';

/** The feed of another service. */
export class RpcEventFeed implements EventFeed {
  readonly source: string;
  readonly #client: Pick<GrpcClient<typeof EventFeedService>, 'readEvents' | 'reportPosition'>;

  constructor(options: {
    readonly source: string;
    readonly client: Pick<GrpcClient<typeof EventFeedService>, 'readEvents' | 'reportPosition'>;
  }) {
    this.source = options.source;
    this.#client = options.client;
  }

  async read(request: { after: bigint; limit: number; waitMs: number; signal: AbortSignal }): Promise<FeedPage> {
    const { after, limit, waitMs, signal } = request;
    const response = await this.#call(signal, () =>
      this.#client.readEvents(
        { afterNumber: after, pageSize: limit, ...(waitMs > 0 && { wait: durationFromMs(waitMs) }) },
        { signal, deadlineMs: waitMs + READ_DEADLINE_MS },
      ),
    );
    return feedPage(this.source, response);
  }

  async reportPosition(number: bigint, signal: AbortSignal): Promise<void> {
    await this.#call(signal, () =>
      this.#client.reportPosition({ consumer: CONSUMER, number }, { signal, deadlineMs: REPORT_DEADLINE_MS }),
    );
  }

  async #call<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RpcError)) throw error;
      throw feedError(this.source, { reason: error.reason, cause: error });
    }
  }
}

/** A feed's refusal as the log's own error. */
export function feedError(source: string, { reason, cause }: { reason: string; cause: Error }): AuditError {
  if (reason === 'EVENTS_PRUNED' || reason === 'POSITION_AHEAD') {
    return new AuditError('feed-broken', `The feed of ${source} and the log do not fit together: ${cause.message}`, {
      advice: 'Was one of the databases restored from an older backup? Follow docs/adr/0009-restore.md.',
      cause,
    });
  }
  return new AuditError('feed-unavailable', `The feed of ${source} does not answer: ${reason}.`, { cause });
}
