import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { AppError } from '@cert-tasks/kernel';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLogger, currentTraceparent, startTracing, withRemoteParent, withSpan } from '../src/index.ts';

class StoreError extends AppError<'row-missing'> {}

interface OtlpSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly status: { readonly code?: number };
  readonly attributes: readonly { readonly key: string; readonly value: unknown }[];
}

const CALLER = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const SAMPLED = `00-${CALLER.traceId}-${CALLER.spanId}-01`;
const NOT_SAMPLED = `00-${CALLER.traceId}-${CALLER.spanId}-00`;

/** A collector: it takes OTLP over HTTP as JSON and keeps the spans. */
async function startCollector(status = 200) {
  const spans: OtlpSpan[] = [];
  const services: unknown[] = [];
  const paths: (string | undefined)[] = [];
  const take = async (request: IncomingMessage) => {
    paths.push(request.url);
    for (const { resource, scopeSpans } of JSON.parse(await text(request)).resourceSpans) {
      services.push(resource.attributes.find(({ key }: { key: string }) => key === 'service.name')?.value.stringValue);
      for (const scope of scopeSpans) spans.push(...scope.spans);
    }
  };
  const server = createServer((request, response) => {
    void take(request).then(() => response.writeHead(status, { 'content-type': 'application/json' }).end('{}'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return { spans, services, paths, endpoint: `http://127.0.0.1:${port}/`, close: () => server.close() };
}

let collector: Awaited<ReturnType<typeof startCollector>>;
let tracing: { stop(): Promise<void> } | undefined;

beforeEach(async () => {
  collector = await startCollector();
});
afterEach(async () => {
  await tracing?.stop();
  tracing = undefined;
  collector.close();
});

test('exports spans with their service, parents, kinds, attributes and failures', async () => {
  tracing = startTracing({ service: 'cert', otlpEndpoint: collector.endpoint });
  const failure = new StoreError('row-missing', 'No such row: hunter2.');
  await withRemoteParent(SAMPLED, () =>
    withSpan({ name: 'IssueCertificate', kind: 'server' }, { 'rpc.system': 'grpc' }, async () => {
      await expect(withSpan('store', {}, () => Promise.reject(failure))).rejects.toBe(failure);
      await expect(
        withSpan('parse', {}, () => {
          throw new TypeError('odd');
        }),
      ).rejects.toThrow('odd');
      return 'done';
    }),
  );
  await tracing.stop();

  expect(collector.paths).toEqual(['/v1/traces']);
  expect(collector.services).toEqual(['cert']);
  const [store, parse, issue] = collector.spans;
  expect(issue).toMatchObject({
    name: 'IssueCertificate',
    kind: 2,
    traceId: CALLER.traceId,
    parentSpanId: CALLER.spanId,
    attributes: [{ key: 'rpc.system', value: { stringValue: 'grpc' } }],
  });
  expect(issue?.status.code ?? 0).toBe(0);
  expect(store).toMatchObject({
    name: 'store',
    kind: 1,
    traceId: CALLER.traceId,
    parentSpanId: issue?.spanId,
    status: { code: 2 },
    attributes: [{ key: 'error.type', value: { stringValue: 'row-missing' } }],
  });
  expect(parse).toMatchObject({ attributes: [{ key: 'error.type', value: { stringValue: 'TypeError' } }] });
  expect(JSON.stringify(collector.spans)).not.toContain('hunter2');
});

test('gives the result of what it runs, and the traceparent of the current span across awaits', async () => {
  tracing = startTracing({ service: 'cert', otlpEndpoint: collector.endpoint });
  expect(currentTraceparent()).toBeUndefined();
  const seen = await withSpan('outer', {}, async (span) => {
    await new Promise((resolve) => setImmediate(resolve));
    expect(currentTraceparent()).toBe(`00-${span.spanContext().traceId}-${span.spanContext().spanId}-01`);
    return 7;
  });
  expect(seen).toBe(7);
  expect(currentTraceparent()).toBeUndefined();
});

test('two calls at the same time do not mix', async () => {
  tracing = startTracing({ service: 'cert' });
  const other = NOT_SAMPLED.replace('4bf9', '0001');
  const traceIdOf = (parent: string) =>
    withRemoteParent(parent, () =>
      withSpan('call', {}, async () => {
        await new Promise((resolve) => setImmediate(resolve));
        return currentTraceparent()?.split('-')[1];
      }),
    );
  expect(await Promise.all([traceIdOf(NOT_SAMPLED), traceIdOf(other)])).toEqual([
    CALLER.traceId,
    CALLER.traceId.replace('4bf9', '0001'),
  ]);
});

test('follows a caller that does not sample, and exports nothing', async () => {
  tracing = startTracing({ service: 'cert', otlpEndpoint: collector.endpoint });
  const handed = await withRemoteParent(NOT_SAMPLED, () => withSpan('call', {}, () => currentTraceparent()));
  expect(handed).toMatch(new RegExp(`^00-${CALLER.traceId}-[0-9a-f]{16}-00$`));
  await tracing.stop();
  expect(collector.spans).toEqual([]);
});

test('without an endpoint spans still have ids, and hand a sampled trace on as such', async () => {
  tracing = startTracing({ service: 'cert' });
  expect(await withSpan('own', {}, () => currentTraceparent())).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  expect(await withRemoteParent(SAMPLED, () => withSpan('call', {}, () => currentTraceparent()))).toMatch(
    new RegExp(`^00-${CALLER.traceId}-[0-9a-f]{16}-01$`),
  );
});

test('a missing or malformed traceparent changes nothing', async () => {
  tracing = startTracing({ service: 'cert' });
  await withSpan('outer', {}, async () => {
    const here = currentTraceparent();
    expect(here).toBeDefined();
    expect(withRemoteParent(undefined, () => currentTraceparent())).toBe(here);
    expect(withRemoteParent('nonsense', () => currentTraceparent())).toBe(here);
  });
});

test('without tracing spans run what they are given, and name no trace', async () => {
  expect(await withSpan('call', {}, () => currentTraceparent() ?? 'none')).toBe('none');
  expect(withRemoteParent(SAMPLED, () => 'ran')).toBe('ran');
});

test('log lines name the trace and span they belong to', async () => {
  tracing = startTracing({ service: 'cert' });
  const lines: string[] = [];
  const log = createLogger({ service: 'cert', level: 'info', destination: { write: (line) => void lines.push(line) } });
  log.info('outside');
  await withRemoteParent(SAMPLED, () =>
    withSpan('call', {}, (span) => {
      log.info('inside');
      expect(JSON.parse(lines[1] ?? '')).toMatchObject({
        trace_id: CALLER.traceId,
        span_id: span.spanContext().spanId,
      });
    }),
  );
  expect(JSON.parse(lines[0] ?? '')).not.toHaveProperty('trace_id');
});

test('is refused twice in one process, and can be started again after a stop', async () => {
  tracing = startTracing({ service: 'cert' });
  expect(() => startTracing({ service: 'signer' })).toThrow('already');
  await tracing.stop();
  expect(withRemoteParent(SAMPLED, () => currentTraceparent())).toBeUndefined();
  tracing = startTracing({ service: 'cert' });
  expect(await withSpan('again', {}, () => currentTraceparent())).toBeDefined();
});

test('a collector that refuses is told to the log; the stop does not fail', async () => {
  const refusing = await startCollector(400);
  const lines: string[] = [];
  const log = createLogger({ service: 'cert', level: 'info', destination: { write: (line) => void lines.push(line) } });
  tracing = startTracing({ service: 'cert', otlpEndpoint: refusing.endpoint, log });
  await withSpan('lost', {}, () => undefined);
  await tracing.stop();
  refusing.close();
  expect(lines.join()).toContain('"level":"warn"');
});
