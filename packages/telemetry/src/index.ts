export { createLogger, LOG_LEVELS, type Logger, type LoggerOptions, type LogLevel } from './create-logger.ts';
export { loopObserver } from './loop-observer.ts';
export { type GaugeOptions, type HistogramOptions, type MetricOptions, Metrics } from './metrics.ts';
export { type SerializedError, serializeError } from './serialize-error.ts';
export {
  currentTraceparent,
  type SpanName,
  startTracing,
  type TracingOptions,
  withRemoteParent,
  withSpan,
} from './tracing.ts';
