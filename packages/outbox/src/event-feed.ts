import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import type {
  ReadEventsRequest,
  ReadEventsResponseSchema,
  ReportPositionRequest,
  ReportPositionResponseSchema,
} from '@cert-tasks/contracts/event/v1';
import { type Database, tableName } from '@cert-tasks/db';
import { decodeEvent } from './event-encoding.ts';
import { OutboxError } from './outbox-error.ts';
import type { OutboxTables } from './outbox-tables.ts';

const DEFAULT_PAGE = 500;
const MAX_PAGE = 1_000;
/** A page stays below the 4 MiB that gRPC clients accept by default. */
const MAX_PAGE_BYTES = 2 * 1024 * 1024;
const MAX_WAIT_MS = 20_000;
/** How often a waiting reader looks without being woken: the relay may be another process. */
const POLL_MS = 250;

/** What the handlers need of an RPC's context. */
export interface FeedCallContext {
  readonly signal: AbortSignal;
  readonly principal: { readonly kind: string; readonly id?: string };
}

/** Options of {@link eventFeedHandlers}. */
export interface EventFeedOptions {
  readonly db: Database;
  readonly tables: OutboxTables;
  readonly source: string;
  /** Names of the services that may read and report. */
  readonly allowed: readonly string[];
  /** Wakes waiting readers when events were numbered in this process. */
  readonly relay?: { onStamped(listener: () => void): () => void };
}

/** Handlers of certtasks.event.v1.EventFeedService. */
export interface EventFeedHandlers {
  /** @throws OutboxError (as rejection) 'events-pruned', 'caller-not-allowed'. */
  readEvents(
    ctx: FeedCallContext,
    request: ReadEventsRequest,
  ): Promise<MessageInitShape<typeof ReadEventsResponseSchema>>;
  /** @throws OutboxError (as rejection) 'caller-not-allowed', 'position-ahead'. */
  reportPosition(
    ctx: FeedCallContext,
    request: ReportPositionRequest,
  ): Promise<MessageInitShape<typeof ReportPositionResponseSchema>>;
}

/** Serves the outbox: the events in order of their numbers, without gaps, and how far each consumer is. */
export function eventFeedHandlers(options: EventFeedOptions): EventFeedHandlers {
  const { db, tables, relay } = options;
  const allowed = new Set(options.allowed);
  return {
    async readEvents(ctx, request) {
      callerName(ctx, { allowed, source: options.source });
      const wait = request.wait === undefined ? 0 : Math.min(durationMs(request.wait), MAX_WAIT_MS);
      const waitUntil = performance.now() + wait;
      const limit = Math.min(request.pageSize > 0 ? request.pageSize : DEFAULT_PAGE, MAX_PAGE);
      using news = new NewsWatch(relay);
      for (;;) {
        const page = await readPage({ db, tables, source: options.source, after: request.afterNumber, limit });
        const left = waitUntil - performance.now();
        if (page.events.length > 0 || left <= 0 || ctx.signal.aborted) return page;
        await news.next({ timeoutMs: Math.min(left, POLL_MS), signal: ctx.signal });
      }
    },

    async reportPosition(ctx, request) {
      const caller = callerName(ctx, { allowed, source: options.source });
      if (request.consumer !== caller) {
        throw new OutboxError(
          'caller-not-allowed',
          `${caller} cannot report the position of ${request.consumer}: a consumer reports its own.`,
          { field: 'consumer' },
        );
      }
      return { number: await reportPosition({ db, tables, consumer: caller, number: request.number }) };
    },
  };
}

function callerName(
  { principal }: FeedCallContext,
  { allowed, source }: { allowed: ReadonlySet<string>; source: string },
): string {
  if (principal.kind === 'service' && principal.id !== undefined && allowed.has(principal.id)) return principal.id;
  throw new OutboxError('caller-not-allowed', `The caller may not read the events of ${source}.`);
}

async function readPage(options: {
  db: Database;
  tables: OutboxTables;
  source: string;
  after: bigint;
  limit: number;
}): Promise<{ events: ReturnType<typeof decodeEvent>[]; lastNumber: bigint }> {
  const { tables, after } = options;
  // One statement, hence one snapshot: what is pruned meanwhile cannot make a gap.
  const rows = await options.db.query(
    'outbox.read',
    ({ sql }) => sql<{ last: bigint; pruned: bigint; number: bigint | null; body: Uint8Array | null }[]>`
      select s.last_number as last, s.pruned_number as pruned, e.number, e.body
      from ${sql(tableName(tables.outboxState))} as s
      left join lateral (
        select number, body from (
          select number, body, sum(octet_length(body)) over (order by number) - octet_length(body) as bytes_before
          from (
            select number, body from ${sql(tableName(tables.outbox))}
            where number > ${after} order by number limit ${options.limit}
          ) as next
        ) as sized
        where bytes_before < ${MAX_PAGE_BYTES}
      ) as e on true
      order by e.number`,
  );
  const first = rows[0];
  if (first === undefined) return { events: [], lastNumber: 0n };
  if (after < first.pruned) {
    throw new OutboxError(
      'events-pruned',
      `Events of ${options.source} up to number ${first.pruned} are no longer kept.`,
      { field: 'after_number', metadata: { oldest_number: String(first.pruned + 1n) } },
    );
  }
  const events = rows.flatMap(({ number, body }) =>
    number === null || body === null ? [] : [decodeEvent(body, number)],
  );
  return { events, lastNumber: first.last };
}

async function reportPosition(options: {
  db: Database;
  tables: OutboxTables;
  consumer: string;
  number: bigint;
}): Promise<bigint> {
  const { tables, consumer, number } = options;
  const rows = await options.db.query(
    'outbox.report',
    ({ sql }) => sql<{ number: bigint }[]>`
      insert into ${sql(tableName(tables.outboxConsumers))} as c (name, number, reported_at)
      select ${consumer}, ${number}::int8, now()
      where ${number}::int8 <= coalesce((select last_number from ${sql(tableName(tables.outboxState))} where "only"), 0)
      on conflict (name) do update set number = greatest(c.number, excluded.number), reported_at = excluded.reported_at
      returning number`,
  );
  const row = rows[0];
  if (row !== undefined) return row.number;
  throw new OutboxError(
    'position-ahead',
    `${consumer} reports number ${number}, which was never given here. Was this database restored from an older backup?`,
    { field: 'number' },
  );
}

/** News of numbered events, kept from the moment of its making, so that none between two looks is missed. */
class NewsWatch implements Disposable {
  readonly #unsubscribe: () => void;
  #news = false;
  #endWait: (() => void) | undefined;

  constructor(relay: EventFeedOptions['relay']) {
    const listener = (): void => {
      this.#news = true;
      this.#endWait?.();
    };
    this.#unsubscribe = relay?.onStamped(listener) ?? (() => undefined);
  }

  /** Resolves on news, after the timeout, or when the signal aborts. */
  async next({ timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal }): Promise<void> {
    if (!this.#news) {
      await new Promise<void>((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', end);
          resolve();
        };
        const timer = setTimeout(end, timeoutMs);
        signal.addEventListener('abort', end, { once: true });
        this.#endWait = end;
      });
      this.#endWait = undefined;
    }
    this.#news = false;
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
  }
}
