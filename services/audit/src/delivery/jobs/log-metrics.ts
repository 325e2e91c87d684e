import type { Clock } from '@cert-tasks/kernel';
import type { Logger, Metrics } from '@cert-tasks/telemetry';
import type { LogObserver } from '../../application/ports/log-observer.ts';
import type { LogReader, LogStatus } from '../../application/ports/log-reader.ts';
import type { SourceIntake } from '../../application/source-intake.ts';
import type { Conflict } from '../../domain/conflict.ts';
import type { LogEntry } from '../../domain/log-entry.ts';
import { SOURCES } from '../../domain/source.ts';

const STATUS_MAX_AGE_MS = 100;

/** What {@link LogMetrics} works with. */
export interface LogMetricsOptions {
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly clock: Clock;
  readonly reader: Pick<LogReader, 'status'>;
}

/** Makes metrics and alarms of what happens to the log. */
export class LogMetrics implements LogObserver {
  readonly #log: Logger;
  readonly #entries;
  readonly #conflicts;
  readonly #unreadable;
  #intakes: readonly SourceIntake[] = [];
  #isForked = false;

  constructor({ metrics, log, clock, reader }: LogMetricsOptions) {
    this.#log = log;
    this.#entries = metrics.counter({
      name: 'certtasks_audit_entries_total',
      help: 'Entries that this process has appended to the log; raw are those whose event could not be read.',
      labels: ['source', 'kind'],
    });
    this.#conflicts = metrics.counter({
      name: 'certtasks_audit_conflicts_total',
      help: 'Second stories that sources told about an event of theirs. Any is an alarm.',
      labels: ['source', 'kind'],
    });
    this.#unreadable = metrics.counter({
      name: 'certtasks_audit_unreadable_messages_total',
      help: 'Messages on subjects for events that are no events.',
      labels: ['source'],
    });
    for (const source of SOURCES) this.#startAtZero(source);
    metrics.gauge({
      name: 'certtasks_audit_source_lag',
      help: 'Events that a source is known to have and the log has not. Told by the process that leads.',
      labels: ['source'],
      collect: (gauge) => {
        gauge.reset();
        for (const { source, lag } of this.#intakes) gauge.set({ source }, Number(lag));
      },
    });
    metrics.gauge({
      name: 'certtasks_audit_gap_age_seconds',
      help: 'For how long events of a source have waited behind a missing one. Told by the process that leads.',
      labels: ['source'],
      collect: (gauge) => {
        gauge.reset();
        for (const { source, gapSince } of this.#intakes) gauge.set({ source }, secondsSince(gapSince, clock));
      },
    });
    this.#tellStatus({ metrics, log, clock, reader });
  }

  /** The intakes of this process while it leads; none when it does not. */
  watch(intakes: readonly SourceIntake[]): void {
    this.#intakes = intakes;
  }

  appended(entries: readonly LogEntry[]): void {
    for (const { source, number, problem } of entries) {
      this.#entries.inc({ source, kind: problem === undefined ? 'event' : 'raw' });
      if (problem !== undefined) {
        this.#log.error({ source, number: number.toString(), problem }, 'an event was entered by its hash alone');
      }
    }
  }

  conflicted({ kind, source, number, eventId, index }: Conflict): void {
    this.#conflicts.inc({ source, kind });
    this.#log.error(
      { kind, source, number: number.toString(), eventId, index: index.toString() },
      'a source tells another story about an event that is in the log; the first stands, the other is in audit.conflicts',
    );
  }

  unreadable(source: string): void {
    this.#unreadable.inc({ source });
  }

  checkpointed({ size }: { readonly size: bigint }): void {
    if (this.#isForked) this.#log.warn({ size: size.toString() }, 'signer accepts the log again; it is held no longer');
    this.#isForked = false;
  }

  forked(error: unknown): void {
    if (this.#isForked) return;
    this.#isForked = true;
    this.#log.fatal(
      { err: error },
      'signer refuses the log as a continuation of what it signed: no checkpoint is published and the log is held. ' +
        'Was the database restored, or changed? The way on is in docs/adr/0009-restore.md, "audit older than the others"',
    );
  }

  /** From the database, so that every replica tells the same. */
  #tellStatus({ metrics, log, clock, reader }: LogMetricsOptions): void {
    const status = sharedFor(STATUS_MAX_AGE_MS, () => reader.status());
    const tell = (name: `certtasks_audit_${string}`, help: string, value: (status: LogStatus) => number | undefined) =>
      metrics.gauge({
        name,
        help,
        collect: async (gauge) => {
          gauge.reset();
          try {
            const found = value(await status());
            if (found !== undefined) gauge.set(found);
          } catch (err) {
            log.warn({ err, metric: name }, 'the state of the log could not be read for a metric');
          }
        },
      });
    tell('certtasks_audit_tree_size', 'Entries of the log.', ({ size }) => Number(size));
    tell(
      'certtasks_audit_checkpoint_size',
      'Entries that the latest checkpoint covers.',
      ({ checkpoint }) => checkpoint && Number(checkpoint.size),
    );
    tell(
      'certtasks_audit_checkpoint_age_seconds',
      'Since signer last vouched for a checkpoint.',
      ({ checkpoint }) => checkpoint && secondsSince(checkpoint.signedAt, clock),
    );
    tell(
      'certtasks_audit_checkpoint_fork',
      '1 while signer refuses the log as a continuation of what it signed, and the log is held. Any is an alarm.',
      ({ heldReason }) => (heldReason === undefined ? 0 : 1),
    );
  }

  #startAtZero(source: string): void {
    for (const kind of ['event', 'raw']) this.#entries.inc({ source, kind }, 0);
    for (const kind of ['number-reused', 'event-id-reused']) this.#conflicts.inc({ source, kind }, 0);
    this.#unreadable.inc({ source }, 0);
  }
}

/** Answers of one scrape share one look. */
function sharedFor<T>(maxAgeMs: number, look: () => Promise<T>): () => Promise<T> {
  let last: { readonly atMs: number; readonly found: Promise<T> } | undefined;
  return () => {
    const atMs = performance.now();
    if (last === undefined || atMs - last.atMs > maxAgeMs) last = { atMs, found: look() };
    return last.found;
  };
}

function secondsSince(time: Date | undefined, clock: Clock): number {
  return time === undefined ? 0 : Math.max(0, (clock.now().getTime() - time.getTime()) / 1_000);
}
