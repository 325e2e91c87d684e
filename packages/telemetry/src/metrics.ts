import { Counter, collectDefaultMetrics, Gauge, Histogram, type Metric, Registry } from 'prom-client';

const PREFIX = 'certtasks_';
const NAME = /^certtasks_[a-z0-9]+(?:_[a-z0-9]+)*$/;

/** Seconds: from a read out of a cache to a call that is about to meet its deadline. */
const DEFAULT_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** What a metric says about itself. */
export interface MetricOptions<Label extends string> {
  /** In Prometheus style, with its unit: `certtasks_rpc_duration_seconds`; a counter ends in `_total`. */
  readonly name: `certtasks_${string}`;
  /** One sentence for the reader of /metrics. */
  readonly help: string;
  /** Their values MUST come from small closed sets: never an id, a name that a caller chose, or a message. */
  readonly labels?: readonly Label[];
}

/** A gauge that is either set by the code or, with `collect`, read when it is scraped. */
export interface GaugeOptions<Label extends string> extends MetricOptions<Label> {
  /** Sets the gauge's current values. MUST NOT throw. */
  readonly collect?: (gauge: Gauge<Label>) => void | Promise<void>;
}

/** A histogram, of seconds unless its buckets say otherwise. */
export interface HistogramOptions<Label extends string> extends MetricOptions<Label> {
  /** Upper bounds, ascending; 1 ms to 30 s by default. */
  readonly buckets?: readonly number[];
}

type MetricClass<M> = new (options: never) => M;

/**
 * The metrics of one service, in a registry of their own. Every name starts with `certtasks_`.
 *
 * Asking again for a name of the same kind gives the metric that is there.
 */
export class Metrics {
  readonly #registry = new Registry();

  /** With `processMetrics` (the default) memory, CPU, event loop and garbage collection are measured too. */
  constructor({ processMetrics = true }: { processMetrics?: boolean } = {}) {
    if (processMetrics) collectDefaultMetrics({ register: this.#registry, prefix: PREFIX });
  }

  /** Type of what {@link render} gives, for a Content-Type header. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** A count that only grows. @throws TypeError when the name is malformed or of another kind of metric. */
  counter<const Label extends string = never>(options: MetricOptions<Label>): Counter<Label> {
    return this.#find(options, Counter<Label>) ?? new Counter(this.#configuration(options));
  }

  /** A value that goes up and down. @throws TypeError when the name is malformed or of another kind of metric. */
  gauge<const Label extends string = never>(options: GaugeOptions<Label>): Gauge<Label> {
    const found = this.#find(options, Gauge<Label>);
    if (found !== undefined) return found;
    const { collect } = options;
    return new Gauge({
      ...this.#configuration(options),
      ...(collect === undefined
        ? {}
        : {
            collect(this: Gauge<Label>) {
              return collect(this);
            },
          }),
    });
  }

  /** A distribution. @throws TypeError when the name is malformed or of another kind of metric. */
  histogram<const Label extends string = never>(options: HistogramOptions<Label>): Histogram<Label> {
    const { buckets = DEFAULT_BUCKETS } = options;
    return (
      this.#find(options, Histogram<Label>) ?? new Histogram({ ...this.#configuration(options), buckets: [...buckets] })
    );
  }

  /** All metrics in the text format of Prometheus. */
  render(): Promise<string> {
    return this.#registry.metrics();
  }

  #configuration<Label extends string>({ name, help, labels = [] }: MetricOptions<Label>) {
    return { name, help, labelNames: labels, registers: [this.#registry] };
  }

  #find<M extends Metric>({ name }: MetricOptions<string>, kind: MetricClass<M>): M | undefined {
    if (!NAME.test(name)) throw new TypeError(`The metric name ${name} must be ${PREFIX} and lower-case words.`);
    const found: unknown = this.#registry.getSingleMetric(name);
    if (found === undefined || found instanceof kind) return found;
    throw new TypeError(`The metric ${name} is there already, as another kind.`);
  }
}
