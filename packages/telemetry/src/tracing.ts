import {
  type Attributes,
  context,
  DiagLogLevel,
  diag,
  isSpanContextValid,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  BatchSpanProcessor,
  NodeTracerProvider,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-node';
import { ATTR_ERROR_TYPE, ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions';
import type { Logger } from './create-logger.ts';
import { formatTraceparent, parseTraceparent } from './traceparent.ts';

const TRACER = 'cert-tasks';
const EXPORT_TIMEOUT_MS = 5_000;

const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

/** A span's name, and its side of a call where it is one. Names are constants: ids belong in attributes. */
export type SpanName = string | { readonly name: string; readonly kind: keyof typeof KINDS };

/** Options of {@link startTracing}. */
export interface TracingOptions {
  readonly service: string;
  /** Base URL of an OTLP/HTTP collector (`http://collector:4318`). Absent: spans have ids, but go nowhere. */
  readonly otlpEndpoint?: string;
  /** Part of the traces begun here that is exported, 0 to 1; all by default. Callers' decisions are followed. */
  readonly sampleRatio?: number;
  /** Told when spans cannot be exported. */
  readonly log?: Logger;
}

/**
 * Starts tracing for this process. Without it spans do nothing and there is no traceparent to hand on.
 *
 * `stop` exports what is left (at most 5 seconds) and never rejects: losing spans is no reason to fail.
 *
 * @throws Error when tracing has been started already: OpenTelemetry is one for the whole process.
 */
export function startTracing({ service, otlpEndpoint, sampleRatio = 1, log }: TracingOptions): {
  stop(): Promise<void>;
} {
  const exporting = otlpEndpoint !== undefined;
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ [ATTR_SERVICE_NAME]: service }),
    sampler: new ParentBasedSampler({
      root: exporting ? new TraceIdRatioBasedSampler(sampleRatio) : new AlwaysOffSampler(),
    }),
    spanProcessors: exporting
      ? [
          new BatchSpanProcessor(
            new OTLPTraceExporter({ url: tracesUrl(otlpEndpoint), timeoutMillis: EXPORT_TIMEOUT_MS }),
            { exportTimeoutMillis: EXPORT_TIMEOUT_MS },
          ),
        ]
      : [],
  });
  if (!trace.setGlobalTracerProvider(provider)) {
    throw new Error('Tracing has been started in this process already. Stop it before starting it again.');
  }
  // With null no propagator is set: this package reads and writes traceparent itself.
  provider.register({ propagator: null });
  if (log !== undefined) reportProblems(log);
  return {
    async stop() {
      await provider.shutdown().catch((err: unknown) => log?.warn({ err }, 'the last spans were not exported'));
      trace.disable();
      context.disable();
      diag.disable();
    },
  };
}

/**
 * Runs `fn` in a new span, below the current one, that ends when `fn` does. A failure marks the span with its code or
 * class (never its message, which may name a customer) and is passed on.
 */
export async function withSpan<T>(
  span: SpanName,
  attributes: Attributes,
  fn: (span: Span) => T | Promise<T>,
): Promise<T> {
  const { name, kind } = typeof span === 'string' ? { name: span, kind: 'internal' as const } : span;
  return trace.getTracer(TRACER).startActiveSpan(name, { kind: KINDS[kind], attributes }, async (active) => {
    try {
      return await fn(active);
    } catch (error) {
      active.setStatus({ code: SpanStatusCode.ERROR });
      active.setAttribute(ATTR_ERROR_TYPE, errorType(error));
      throw error;
    } finally {
      active.end();
    }
  });
}

/** The `traceparent` header (W3C Trace Context) of the current span; undefined outside of any. */
export function currentTraceparent(): string | undefined {
  const current = trace.getActiveSpan()?.spanContext();
  return current !== undefined && isSpanContextValid(current) ? formatTraceparent(current) : undefined;
}

/**
 * Runs `fn` so that its spans belong to the caller's, named by a `traceparent` header or event attribute. What is
 * absent or malformed is ignored, as W3C Trace Context asks: `fn` then runs as it would have.
 */
export function withRemoteParent<T>(traceparent: string | undefined, fn: () => T): T {
  const parent = traceparent === undefined ? undefined : parseTraceparent(traceparent);
  return parent === undefined ? fn() : context.with(trace.setSpanContext(context.active(), parent), fn);
}

/** OTLP, section "Endpoint URLs": the signal's path is appended to the base. */
function tracesUrl(otlpEndpoint: string): string {
  return `${otlpEndpoint.replace(/\/+$/, '')}/v1/traces`;
}

function errorType(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

function reportProblems(log: Logger): void {
  const report = (message: string): void => log.warn({ detail: message }, 'tracing does not work as it should');
  const ignore = (): void => undefined;
  diag.setLogger(
    { error: report, warn: report, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
