import { trace } from '@opentelemetry/api';
import { type DestinationStream, destination as fileDestination, type Logger as PinoLogger, pino } from 'pino';
import { redact, redactLine } from './redact.ts';

/** The logger of every service: pino, with redaction. */
export type Logger = PinoLogger;

/** Levels of a log, from everything to nothing. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  /** Stands in every line. */
  readonly service: string;
  /** Lines below it are not written. */
  readonly level: LogLevel;
  /** Where lines go; standard output by default. */
  readonly destination?: DestinationStream;
}

/**
 * A logger that writes one line of JSON an event, before the call returns: time, level, service, the trace and span it
 * belongs to, the fields and the message.
 *
 * Errors go under `err`. Secrets are taken out by name and by form (see `redact` and `redactLine`), which is a net and
 * no licence: what is secret is not to be handed to a logger.
 */
export function createLogger({ service, level, destination }: LoggerOptions): Logger {
  const logger = pino(
    {
      level,
      base: { service },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }), log: redact },
      // `redact` has given errors their form already; pino's own serializer would add every enumerable property.
      serializers: { err: (error: unknown) => error },
      mixin: activeTrace,
      hooks: { streamWrite: redactLine },
    },
    destination ?? fileDestination({ fd: 1, sync: true }),
  );
  // pino has no formatter for the bindings of children. They inherit this method, so it covers grandchildren as well.
  const { child } = logger;
  return Object.assign(logger, {
    child(this: Logger, bindings: Record<string, unknown>, options?: object): Logger {
      return Reflect.apply(child, this, [redact(bindings), options]);
    },
  });
}

function activeTrace(): object {
  const context = trace.getActiveSpan()?.spanContext();
  return context === undefined ? {} : { trace_id: context.traceId, span_id: context.spanId };
}
