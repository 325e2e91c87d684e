import { type Database, tableName } from '@cert-tasks/db';
import { Loop, type LoopObserver, type Service } from '@cert-tasks/lifecycle';
import type { Metrics } from '@cert-tasks/telemetry';
import type { OutboxTables } from './outbox-tables.ts';

const DEFAULT_INTERVAL_MS = 5_000;

/** How an outbox and its consumers are doing. */
export interface OutboxStatus {
  /** The greatest number given so far. */
  readonly lastNumber: bigint;
  /** Numbered events that are not published. */
  readonly unpublished: bigint;
  /** Seconds since the oldest event without a number was written; 0 where there is none. */
  readonly oldestUnstampedSeconds: number;
  readonly consumers: readonly ConsumerStatus[];
}

/** How far a consumer is. */
export interface ConsumerStatus {
  readonly name: string;
  readonly number: bigint;
  /** Events that it has not reported. */
  readonly lag: bigint;
  /** Seconds since the oldest event that it has not reported was written; 0 where there is none. Grows while it stands still. */
  readonly oldestUnreadSeconds: number;
}

/** Reads an outbox's status, with consumers that have not reported yet at number 0. */
export async function readOutboxStatus({
  db,
  tables,
  consumers,
}: {
  db: Database;
  tables: OutboxTables;
  consumers: readonly string[];
}): Promise<OutboxStatus> {
  const outbox = tableName(tables.outbox);
  return await db.query('outbox.status', async ({ sql }) => {
    const [state] = await sql<{ last: bigint; published: bigint; unstamped: number }[]>`
      select s.last_number as last, s.published_number as published,
        (select coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8 from (
          select created_at from ${sql(outbox)} where number is null order by id limit 1) as oldest) as unstamped
      from ${sql(tableName(tables.outboxState))} as s where "only"`;
    const last = state?.last ?? 0n;
    const rows = await sql<{ name: string; number: bigint; age: number }[]>`
      select c.name, c.number, coalesce((
        select extract(epoch from clock_timestamp() - o.created_at)::float8 from ${sql(outbox)} as o
        where o.number > c.number order by o.number limit 1), 0) as age
      from (
        select name, number from ${sql(tableName(tables.outboxConsumers))}
        union all
        select name, 0 from unnest(${sql.array([...consumers], 25)}::text[]) as expected (name)
        where name not in (select name from ${sql(tableName(tables.outboxConsumers))})
      ) as c
      order by c.name`;
    return {
      lastNumber: last,
      unpublished: last - (state?.published ?? 0n),
      oldestUnstampedSeconds: state?.unstamped ?? 0,
      consumers: rows.map(({ name, number, age }) => ({
        name,
        number,
        lag: number < last ? last - number : 0n,
        oldestUnreadSeconds: age,
      })),
    };
  });
}

/** Options of {@link OutboxMonitor}. */
export interface OutboxMonitorOptions {
  readonly db: Database;
  readonly tables: OutboxTables;
  /** Consumers that are expected; their names label metrics. */
  readonly consumers: readonly string[];
  readonly metrics: Metrics;
  readonly observer: LoopObserver;
  /** 5 s by default. */
  readonly intervalMs?: number;
}

/**
 * Measures the outbox every few seconds, in every replica: metrics certtasks_outbox_*. `status` is what admission control
 * looks at when it refuses low-priority work.
 */
export class OutboxMonitor implements Service {
  readonly name = 'outbox-monitor';
  readonly #loop: Loop;
  #status: OutboxStatus | undefined;

  constructor({ db, tables, consumers, metrics, observer, intervalMs = DEFAULT_INTERVAL_MS }: OutboxMonitorOptions) {
    const record = recorder(metrics);
    this.#loop = new Loop({
      name: 'outbox-monitor',
      intervalMs,
      observer,
      run: async () => {
        this.#status = await readOutboxStatus({ db, tables, consumers });
        record(this.#status);
        return 'idle';
      },
    });
  }

  /** As last measured; undefined before the first time. */
  get status(): OutboxStatus | undefined {
    return this.#status;
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }
}

function recorder(metrics: Metrics): (status: OutboxStatus) => void {
  const lastNumber = metrics.gauge({ name: 'certtasks_outbox_last_number', help: 'The greatest event number given.' });
  const unpublished = metrics.gauge({
    name: 'certtasks_outbox_unpublished_events',
    help: 'Numbered events that the message broker has not taken.',
  });
  const unstamped = metrics.gauge({
    name: 'certtasks_outbox_oldest_unstamped_seconds',
    help: 'Age of the oldest event without a number; 0 where there is none.',
  });
  const lag = metrics.gauge({
    name: 'certtasks_outbox_consumer_lag_events',
    help: 'Events that a consumer has not reported as consumed.',
    labels: ['consumer'],
  });
  const unread = metrics.gauge({
    name: 'certtasks_outbox_consumer_oldest_unread_seconds',
    help: 'Age of the oldest event that a consumer has not reported; 0 where there is none.',
    labels: ['consumer'],
  });
  return (status) => {
    lastNumber.set(Number(status.lastNumber));
    unpublished.set(Number(status.unpublished));
    unstamped.set(status.oldestUnstampedSeconds);
    for (const consumer of status.consumers) {
      lag.set({ consumer: consumer.name }, Number(consumer.lag));
      unread.set({ consumer: consumer.name }, consumer.oldestUnreadSeconds);
    }
  };
}
