import { expect, expectTypeOf, test } from 'vitest';
import { createLogger } from './create-logger.ts';
import { loopObserver } from './loop-observer.ts';
import { Metrics } from './metrics.ts';

const metricsOnly = () => new Metrics({ processMetrics: false });

test('renders counters, gauges and histograms with their labels', async () => {
  const metrics = metricsOnly();
  metrics.counter({ name: 'certtasks_calls_total', help: 'Calls.', labels: ['code'] }).inc({ code: 'OK' }, 2);
  metrics.gauge({ name: 'certtasks_depth', help: 'Depth.' }).set(7);
  metrics.gauge({ name: 'certtasks_read', help: 'Read.', collect: (gauge) => gauge.set(3) });
  metrics.histogram({ name: 'certtasks_wait_seconds', help: 'Wait.', buckets: [0.1, 1] }).observe(0.5);
  expect((await metrics.render()).split('\n').filter((line) => !line.startsWith('#') && line !== '')).toEqual([
    'certtasks_calls_total{code="OK"} 2',
    'certtasks_depth 7',
    'certtasks_read 3',
    'certtasks_wait_seconds_bucket{le="0.1"} 0',
    'certtasks_wait_seconds_bucket{le="1"} 1',
    'certtasks_wait_seconds_bucket{le="+Inf"} 1',
    'certtasks_wait_seconds_sum 0.5',
    'certtasks_wait_seconds_count 1',
  ]);
  expect(metrics.contentType).toContain('text/plain');
});

test('types the labels', () => {
  const counter = metricsOnly().counter({ name: 'certtasks_calls_total', help: 'Calls.', labels: ['code', 'method'] });
  expectTypeOf(counter.inc).toBeCallableWith({ code: 'OK', method: 'Sign' });
  // @ts-expect-error a label that the metric does not have
  expect(() => counter.inc({ colour: 'red' })).toThrow();
});

test('gives the same metric again, and refuses one of another kind or a foreign name', () => {
  const metrics = metricsOnly();
  const counter = metrics.counter({ name: 'certtasks_calls_total', help: 'Calls.' });
  expect(metrics.counter({ name: 'certtasks_calls_total', help: 'Calls.' })).toBe(counter);
  expect(() => metrics.gauge({ name: 'certtasks_calls_total', help: 'Calls.' })).toThrow(TypeError);
  // @ts-expect-error a name without the prefix
  expect(() => metrics.counter({ name: 'calls_total', help: 'Calls.' })).toThrow(TypeError);
  expect(() => metrics.counter({ name: 'certtasks_Calls', help: 'Calls.' })).toThrow(TypeError);
});

test('two services in one process do not share metrics', async () => {
  const [a, b] = [metricsOnly(), metricsOnly()];
  a.counter({ name: 'certtasks_calls_total', help: 'Calls.' }).inc();
  expect(await b.render()).not.toContain('certtasks_calls_total');
});

test('measures the process, under the prefix', async () => {
  const names = (await new Metrics().render()).match(/^[a-z]\w+/gm) ?? [];
  expect(names).toContain('certtasks_process_resident_memory_bytes');
  expect(names).toContain('certtasks_nodejs_eventloop_lag_seconds');
  expect(names.filter((name) => !name.startsWith('certtasks_'))).toEqual([]);
});

test('loops are counted, timed and logged where they fail', async () => {
  const metrics = metricsOnly();
  const lines: string[] = [];
  const log = createLogger({
    service: 'audit',
    level: 'info',
    destination: { write: (line) => void lines.push(line) },
  });
  const observer = loopObserver({ log, metrics });
  loopObserver({ log, metrics }).iteration('relay', 'again', 1);
  observer.iteration('relay', 'idle', 30);
  observer.iteration('relay', 'error', 2_000);
  expect(lines).toEqual([]);
  observer.failure('relay', new Error('the database is away'));
  const text = await metrics.render();
  for (const outcome of ['again', 'idle', 'error']) {
    expect(text).toContain(`certtasks_loop_iterations_total{loop="relay",outcome="${outcome}"} 1`);
  }
  expect(text).toContain('certtasks_loop_iteration_seconds_sum{loop="relay"} 2.031');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 'warn', loop: 'relay', err: { message: 'the database is away' } },
  ]);
});
