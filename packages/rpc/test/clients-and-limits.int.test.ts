import { createServer } from 'node:net';
import { Health } from '@cert-tasks/contracts/grpc/health/v1';
import { TaskService } from '@cert-tasks/contracts/task/v1';
import { systemClock } from '@cert-tasks/kernel';
import { createLogger, Metrics } from '@cert-tasks/telemetry';
import { afterEach, describe, expect, it } from 'vitest';
import {
  bindService,
  type CallContext,
  createConnectClient,
  createGrpcClient,
  createPipeline,
  type GrpcClient,
  GrpcListener,
  OpsListener,
  type PipelineOptions,
  RpcError,
  RpcInputError,
} from '../src/index.ts';
import { TestError, testPipeline, until } from './harness.ts';

const REQUEST = { parent: 'projects/p1', type: 'echo' };
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type Create = (ctx: CallContext) => Promise<{ task: { name: string } }>;

/** TaskService with one handler that matters, on plain gRPC, for everybody. */
async function serve(
  createTask: Create,
  options: Partial<PipelineOptions> & { port?: number } = {},
): Promise<GrpcListener> {
  const unused = async (): Promise<never> => {
    throw new TestError('thing-missing', 'Not used here.');
  };
  const service = bindService(TaskService, {
    createTask,
    getTask: unused,
    listTasks: unused,
    listTaskEvents: unused,
    cancelTask: unused,
  });
  const pipeline = createPipeline({
    services: [service],
    listener: 'public',
    authenticate: () => ({ kind: 'service', id: 'cert' }),
    errorMappings: [],
    clock: systemClock,
    log: createLogger({ service: 'test', level: 'silent' }),
    metrics: new Metrics({ processMetrics: false }),
    ...options,
  });
  const listener = new GrpcListener({ pipeline, host: '127.0.0.1', port: options.port ?? 0, drainMs: 200 });
  await listener.start();
  closers.push(() => listener.stop());
  return listener;
}

function clientOf(address: string): GrpcClient<typeof TaskService> {
  const client = createGrpcClient(TaskService, { address, defaultDeadlineMs: 3_000, channelName: 'test' });
  closers.push(() => client.close());
  return client;
}

const ANSWER = { task: { name: 'projects/p1/tasks/t' } };

describe('a gRPC client', () => {
  it('passes on the request id and the trace of the call being handled', async () => {
    const inner: CallContext[] = [];
    const back = await serve(async (ctx) => {
      inner.push(ctx);
      return ANSWER;
    });
    const backClient = clientOf(`127.0.0.1:${back.port}`);
    const front = await serve(async () => {
      await backClient.createTask(REQUEST);
      return ANSWER;
    });
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await clientOf(`127.0.0.1:${front.port}`).createTask(REQUEST, { requestId: 'outer-1', traceparent });
    expect(inner[0]).toMatchObject({ requestId: 'outer-1', traceparent });
  });

  it('takes several addresses in turn, and goes on with one of them', async () => {
    const hits = [0, 0];
    const first = await serve(async () => {
      hits[0] = (hits[0] ?? 0) + 1;
      return ANSWER;
    });
    const second = await serve(async () => {
      hits[1] = (hits[1] ?? 0) + 1;
      return ANSWER;
    });
    const client = clientOf(`127.0.0.1:${first.port},127.0.0.1:${second.port}`);
    await until('both were called', async () => {
      await client.createTask(REQUEST);
      return hits.every((count) => count >= 3);
    });
    await first.stop();
    const before = hits[1] ?? 0;
    for (let n = 0; n < 5; n++) await client.createTask(REQUEST, { retry: { attempts: 3 } });
    expect(hits[1]).toBe(before + 5);
  });

  it('fails at once where nobody listens, or waits when it is told to', async () => {
    const port = await freePort();
    const client = clientOf(`127.0.0.1:${port}`);
    await expect(client.createTask(REQUEST)).rejects.toMatchObject({ rpcCode: 'UNAVAILABLE', domain: '' });
    const waiting = client.createTask(REQUEST, { waitForReady: true, deadlineMs: 5_000 });
    await serve(async () => ANSWER, { port });
    expect(await waiting).toMatchObject(ANSWER);
  });

  it('tries again on UNAVAILABLE where it may, and only then', async () => {
    let calls = 0;
    const listener = await serve(
      async () => {
        calls += 1;
        if (calls % 3 !== 0) throw new TestError('thing-busy', 'Busy.');
        return ANSWER;
      },
      {
        errorMappings: [
          { statusOf: () => ({ code: 'UNAVAILABLE', message: 'Busy.', reason: 'BUSY', domain: 'test' }) },
        ],
      },
    );
    const client = clientOf(`127.0.0.1:${listener.port}`);
    await expect(client.createTask(REQUEST)).rejects.toMatchObject({ rpcCode: 'UNAVAILABLE', reason: 'BUSY' });
    expect(calls).toBe(1);
    calls = 0;
    expect(await client.createTask(REQUEST, { retry: { attempts: 3 } })).toMatchObject(ANSWER);
    expect(calls).toBe(3);
    await expect(client.createTask(REQUEST, { retry: { attempts: 2 } })).rejects.toMatchObject({
      rpcCode: 'UNAVAILABLE',
    });
    expect(calls).toBe(5);
  });

  it('does not repeat what failed for another reason', async () => {
    let calls = 0;
    const listener = await serve(async () => {
      calls += 1;
      throw new RpcInputError('invalid-field', 'The field is wrong.', { field: 'type' });
    });
    const call = clientOf(`127.0.0.1:${listener.port}`).createTask(REQUEST, { retry: { attempts: 5 } });
    await expect(call).rejects.toMatchObject({ rpcCode: 'INVALID_ARGUMENT', reason: 'INVALID_FIELD', field: 'type' });
    expect(calls).toBe(1);
  });

  it('has a deadline on every call', async () => {
    const listener = await serve(() => new Promise(() => undefined));
    const client = createGrpcClient(TaskService, {
      address: `127.0.0.1:${listener.port}`,
      defaultDeadlineMs: 150,
      channelName: 'test',
    });
    closers.push(() => client.close());
    await expect(client.createTask(REQUEST)).rejects.toMatchObject({ rpcCode: 'DEADLINE_EXCEEDED' });
  });

  it('refuses to talk in plain text off this machine', () => {
    const options = { defaultDeadlineMs: 1_000, channelName: 'test' };
    expect(() => createGrpcClient(TaskService, { address: 'signer.example:1', ...options })).toThrow(TypeError);
    expect(() => createConnectClient(TaskService, { baseUrl: 'http://cert.example', ...options })).toThrow(TypeError);
  });
});

describe('an error of a service behind', () => {
  it('does not pass through', async () => {
    const back = await serve(async () => {
      throw new RpcInputError('invalid-field', 'Our secret field is wrong.', { field: 'type' });
    });
    const backClient = clientOf(`127.0.0.1:${back.port}`);
    const front = await serve(async () => {
      await backClient.createTask(REQUEST);
      return ANSWER;
    });
    const error: unknown = await clientOf(`127.0.0.1:${front.port}`)
      .createTask(REQUEST)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ rpcCode: 'INTERNAL' });
    expect(error instanceof RpcError && error.message).not.toContain('secret');
  });
});

describe('limits', () => {
  it('take so many calls at a time, and say when to come again', async () => {
    const gate = Promise.withResolvers<void>();
    let running = 0;
    const listener = await serve(
      async () => {
        running += 1;
        await gate.promise;
        return ANSWER;
      },
      { limits: { maxInFlight: 2 } },
    );
    const client = clientOf(`127.0.0.1:${listener.port}`);
    const calls = [client.createTask(REQUEST), client.createTask(REQUEST)];
    await until('both run', () => running === 2);
    await expect(client.createTask(REQUEST)).rejects.toMatchObject({
      rpcCode: 'RESOURCE_EXHAUSTED',
      reason: 'TOO_MANY_CALLS',
      retryAfterMs: 500,
    });
    gate.resolve();
    await Promise.all(calls);
    await client.createTask(REQUEST);
  });

  it('count a handler that outlives its deadline as long as it runs', async () => {
    const gate = Promise.withResolvers<void>();
    const listener = await serve(
      async () => {
        await gate.promise;
        return ANSWER;
      },
      { limits: { maxInFlight: 1 } },
    );
    const client = clientOf(`127.0.0.1:${listener.port}`);
    await expect(client.createTask(REQUEST, { deadlineMs: 100 })).rejects.toMatchObject({
      rpcCode: 'DEADLINE_EXCEEDED',
    });
    await expect(client.createTask(REQUEST)).rejects.toMatchObject({ rpcCode: 'RESOURCE_EXHAUSTED' });
    gate.resolve();
    await until('the slot is free', () =>
      client.createTask(REQUEST).then(
        () => true,
        () => false,
      ),
    );
  });

  it('hold back one caller and not the probes of others', async () => {
    const { pipeline, metrics } = testPipeline({
      listener: 'public',
      limits: { perPeer: { perSecond: 0.1, burst: 2 } },
    });
    const listener = new GrpcListener({ pipeline, host: '127.0.0.1', port: 0 });
    await listener.start();
    closers.push(() => listener.stop());
    const health = createGrpcClient(Health, {
      address: `127.0.0.1:${listener.port}`,
      defaultDeadlineMs: 1_000,
      channelName: 'test',
    });
    closers.push(() => health.close());
    await health.check({});
    await health.check({});
    await expect(health.check({})).rejects.toMatchObject({ rpcCode: 'RESOURCE_EXHAUSTED', reason: 'RATE_LIMITED' });
    expect(await metrics.render()).toContain('certtasks_rpc_limited_total{listener="public",limit="peer_rate"} 1');
  });
});

describe('the ops listener', () => {
  it('tells that the process lives, whether it is ready, and its metrics', async () => {
    let database: () => Promise<void> = async () => undefined;
    const metrics = new Metrics({ processMetrics: false });
    metrics.counter({ name: 'certtasks_test_total', help: 'Counts.' }).inc(3);
    const listener = new OpsListener({
      host: '127.0.0.1',
      port: 0,
      checks: [
        { name: 'postgres', check: () => database(), timeoutMs: 100 },
        { name: 'other', check: async () => undefined },
      ],
      metrics,
      log: createLogger({ service: 'test', level: 'silent' }),
    });
    await listener.start();
    closers.push(() => listener.stop());
    const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${listener.port}${path}`);
    expect((await get('/health')).status).toBe(200);
    expect(await (await get('/ready')).json()).toEqual({ status: 'ready', checks: { postgres: 'ok', other: 'ok' } });

    for (const broken of [() => Promise.reject(new Error('a secret')), () => new Promise<void>(() => undefined)]) {
      database = broken;
      await until('it is not ready', async () => (await get('/ready')).status === 503);
      expect(await (await get('/ready')).json()).toEqual({
        status: 'not ready',
        checks: { postgres: 'failed', other: 'ok' },
      });
      database = async () => undefined;
      await until('it is ready again', async () => (await get('/ready')).status === 200);
    }
    const text = await get('/metrics');
    expect(text.headers.get('content-type')).toContain('text/plain');
    expect(await text.text()).toContain('certtasks_test_total 3');
    expect((await get('/other')).status).toBe(404);
    expect((await fetch(`http://127.0.0.1:${listener.port}/health`, { method: 'POST' })).status).toBe(405);
  });
});

describe('createPipeline', () => {
  it('refuses a service that is given twice', () => {
    const { services } = {
      services: [
        bindService(Health, { check: async () => ({}), list: async () => ({}), watch: async function* () {} }),
      ],
    };
    expect(() =>
      createPipeline({
        services: [...services, ...services],
        listener: 'public',
        authenticate: () => ({ kind: 'anonymous' }),
        errorMappings: [],
        clock: systemClock,
        log: createLogger({ service: 'test', level: 'silent' }),
        metrics: new Metrics({ processMetrics: false }),
      }),
    ).toThrow('given twice');
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
