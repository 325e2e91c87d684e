import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { create, toBinary } from '@bufbuild/protobuf';
import { TaskService } from '@cert-tasks/contracts/task/v1';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConnectListener, createConnectClient, GrpcListener, ListenerError } from '../src/index.ts';
import { fixturePem, fixtureTls, TokenIssuer, testPipeline, until } from './harness.ts';

const PATH = '/certtasks.task.v1.TaskService/CreateTask';
const GOOD = { parent: 'projects/p1', type: 'echo' };

describe('a plain listener for every protocol', () => {
  let issuer: TokenIssuer;
  let parts: ReturnType<typeof testPipeline>;
  let listener: ConnectListener;
  let url: string;
  let token: string;

  beforeAll(async () => {
    issuer = await TokenIssuer.create();
    token = await issuer.token();
    parts = testPipeline({ listener: 'public', issuer });
    listener = new ConnectListener({
      pipeline: parts.pipeline,
      host: '127.0.0.1',
      port: 0,
      headerTimeoutMs: 300,
      idleTimeoutMs: 400,
      corsOrigins: ['https://app.example'],
    });
    await listener.start();
    url = `http://127.0.0.1:${listener.port}`;
  });
  afterAll(async () => {
    await listener.stop();
    await issuer.close();
  });
  beforeEach(() => {
    parts.observed.contexts.length = 0;
  });

  const post = (
    contentType: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
  ): Promise<Response> =>
    fetch(url + PATH, {
      method: 'POST',
      headers: { 'content-type': contentType, authorization: `Bearer ${token}`, ...headers },
      body,
    });
  const enveloped = (data: Uint8Array): Uint8Array<ArrayBuffer> => {
    const bytes = new Uint8Array(5 + data.byteLength);
    new DataView(bytes.buffer).setUint32(1, data.byteLength);
    bytes.set(data, 5);
    return bytes;
  };
  // A field of type "group" that never ends.
  const malformed = Uint8Array.of(0x0b, 0xff, 0xff, 0xff);
  const lastCode = (): unknown => parts.logLines().findLast((line) => line['msg'] === 'rpc')?.['code'];

  it('takes what curl sends', async () => {
    const response = await post('application/json', JSON.stringify(GOOD), { 'x-request-id': 'curl-1' });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ task: { name: 'projects/p1/tasks/t1' } });
    expect(response.headers.get('x-request-id')).toBe('curl-1');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('strict-transport-security')).toBeNull();
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('makes a request id where none fit to pass on was sent', async () => {
    const response = await post('application/json', JSON.stringify(GOOD), { 'x-request-id': '{"evil":1}' });
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each(['{', '[]', '{"parent":1}', JSON.stringify({ ...GOOD, nosuch: 1 }), '\xff'])(
    'answers 400 to the JSON %j',
    async (body) => {
      const response = await post('application/json', body);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: 'invalid_argument' });
      expect(lastCode()).toBe('INVALID_ARGUMENT');
      expect(parts.observed.contexts).toHaveLength(0);
    },
  );

  it('answers 400 to malformed protobuf over Connect', async () => {
    const response = await post('application/proto', malformed);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'invalid_argument' });
    expect(lastCode()).toBe('INVALID_ARGUMENT');
  });

  it('answers INVALID_ARGUMENT to malformed protobuf over gRPC-Web', async () => {
    const response = await post('application/grpc-web+proto', enveloped(malformed));
    const text = await response.text();
    expect(text).toContain('grpc-status: 3');
    expect(text).not.toContain('parse');
    expect(lastCode()).toBe('INVALID_ARGUMENT');
  });

  it.each(['grpc-js to Connect', 'grpc-js to grpc-js'])(
    'answers INVALID_ARGUMENT to malformed protobuf over gRPC (%s)',
    async (way) => {
      const own = testPipeline({ listener: 'public', issuer });
      const grpc = new GrpcListener({ pipeline: own.pipeline, host: '127.0.0.1', port: 0 });
      await grpc.start();
      const port = way.endsWith('Connect') ? listener.port : grpc.port;
      const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${token}`);
      const raw = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
      const error = await new Promise<ServiceError | null>((resolve) => {
        client.makeUnaryRequest(
          PATH,
          raw,
          (bytes: Buffer) => bytes,
          malformed,
          metadata,
          {},
          (failure) => resolve(failure),
        );
      });
      expect(error?.code).toBe(3);
      expect(error?.details).not.toContain('parse');
      const lines = way.endsWith('Connect') ? parts.logLines() : own.logLines();
      expect(lines.findLast((line) => line['msg'] === 'rpc')?.['code']).toBe('INVALID_ARGUMENT');
      client.close();
      await grpc.stop();
    },
  );

  it('asks who calls before it reads what was sent', async () => {
    const response = await post('application/json', '{', { authorization: '' });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ code: 'unauthenticated' });
  });

  it('inflates no more than it takes', async () => {
    const bomb = new Blob([JSON.stringify({ ...GOOD, uniqueKey: 'a'.repeat(20_000_000) })]).stream();
    const body = new Uint8Array(await new Response(bomb.pipeThrough(new CompressionStream('gzip'))).arrayBuffer());
    expect(body.byteLength).toBeLessThan(100_000);
    const response = await post('application/json', body, { 'content-encoding': 'gzip' });
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({ code: 'resource_exhausted' });
  });

  it.each([
    '/',
    '/metrics',
    '/certtasks.task.v1.TaskService',
    '/certtasks.task.v1.TaskService/Nothing',
    `${PATH}/`,
    '/..%2f',
  ])('answers 404 to %s and says nothing else', async (path) => {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(response.status).toBe(404);
    expect(await response.text()).toBe('');
  });

  it('answers 405 and 415 to what is no call', async () => {
    expect((await fetch(url + PATH)).status).toBe(405);
    expect((await post('text/plain', 'x')).status).toBe(415);
  });

  it('lets scripts of listed origins call, and no others', async () => {
    const preflight = (origin: string): Promise<Response> =>
      fetch(url + PATH, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
      });
    const allowed = await preflight('https://app.example');
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(allowed.headers.get('access-control-allow-headers')).toContain('Authorization');
    expect(allowed.headers.get('access-control-allow-credentials')).toBeNull();
    const refused = await preflight('https://evil.example');
    expect(refused.status).toBe(405);
    expect(refused.headers.get('access-control-allow-origin')).toBeNull();
    const call = await post('application/json', JSON.stringify(GOOD), { origin: 'https://app.example' });
    expect(call.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(call.headers.get('vary')).toContain('Origin');
  });

  it('tells HTTP/2 from HTTP/1.1 by bytes that trickle in', async () => {
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    const http2 = connectTcp(listener.port, '127.0.0.1');
    const answered = once(http2, 'data');
    for (const byte of preface) {
      http2.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    http2.write(emptySettings);
    const [frame] = await answered;
    // Frame type 4 is SETTINGS (RFC 9113, section 6.5).
    expect(frame[3]).toBe(4);
    http2.destroy();

    const http1 = connectTcp(listener.port, '127.0.0.1');
    const reply = once(http1, 'data');
    for (const byte of Buffer.from('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n'))
      http1.write(Uint8Array.of(byte));
    expect(String((await reply)[0])).toMatch(/^HTTP\/1\.1 404/);
    http1.destroy();
  });

  it.each([
    ['says nothing', ''],
    ['begins like HTTP/2 and stops', 'PRI'],
    ['never ends its headers', 'POST / HTTP/1.1\r\nhost: x\r\nx: '],
    ['sends what is no HTTP', '\u0016\u0003\u0001'],
  ])('closes a connection that %s', async (_what, bytes) => {
    const socket = connectTcp(listener.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(bytes);
    await closedWithin(socket, 4_000);
  });

  it('closes an HTTP/2 connection that is idle, and not one that waits', async () => {
    const session = connectHttp2(url);
    await once(session, 'connect');
    await closedWithin(session, 2_000);
    const client = createConnectClient(TaskService, { baseUrl: url, token, defaultDeadlineMs: 5_000 });
    const call = client.createTask({ parent: 'projects/p1', type: 'hang' }, { deadlineMs: 1_000 });
    await expect(call).rejects.toMatchObject({ rpcCode: 'DEADLINE_EXCEEDED' });
    client.close();
  });

  it('counts what it does', async () => {
    const text = await parts.metrics.render();
    expect(text).toMatch(
      /certtasks_rpc_requests_total\{listener="public",method="certtasks\.task\.v1\.TaskService\/CreateTask",code="OK"\} [1-9]/,
    );
    expect(text).toMatch(/certtasks_rpc_requests_total\{[^}]*code="INVALID_ARGUMENT"\} [1-9]/);
    expect(text).toMatch(/certtasks_rpc_refusals_total\{listener="public",reason="TOKEN_MISSING"\} [1-9]/);
    expect(text).toContain('certtasks_rpc_duration_seconds_bucket');
    await until('nothing is under way', async () =>
      (await parts.metrics.render()).includes('certtasks_rpc_in_flight{listener="public"} 0'),
    );
  });
});

describe('a listener with TLS', () => {
  it('speaks HTTP/1.1 and HTTP/2 by ALPN, from TLS 1.2 on', async () => {
    const issuer = await TokenIssuer.create();
    const { pipeline } = testPipeline({ listener: 'public', issuer });
    const listener = new ConnectListener({
      pipeline,
      host: '127.0.0.1',
      port: 0,
      tls: fixturePem('signer'),
      headerTimeoutMs: 300,
    });
    await listener.start();
    const { caPem } = fixtureTls('signer');
    const token = await issuer.token();

    const client = createConnectClient(TaskService, {
      baseUrl: `https://localhost:${listener.port}`,
      token,
      caPem,
      defaultDeadlineMs: 5_000,
      format: 'json',
    });
    expect(await client.createTask(GOOD)).toMatchObject({ task: { name: 'projects/p1/tasks/t1' } });
    client.close();

    const agent = new Agent({ ca: caPem });
    const body = toBinary(TaskService.method.createTask.input, create(TaskService.method.createTask.input, GOOD));
    const [response] = await new Promise<
      [{ statusCode?: number | undefined; httpVersion: string; headers: NodeJS.Dict<unknown> }]
    >((resolve, reject) => {
      const request = httpsRequest(
        {
          agent,
          host: 'localhost',
          port: listener.port,
          path: PATH,
          method: 'POST',
          headers: { 'content-type': 'application/proto', authorization: `Bearer ${token}` },
        },
        (incoming) => {
          incoming.resume();
          resolve([incoming]);
        },
      );
      request.on('error', reject);
      request.end(body);
    });
    expect(response).toMatchObject({ statusCode: 200, httpVersion: '1.1' });
    expect(response.headers['strict-transport-security']).toBeDefined();

    const handshake = (options: ConnectionOptions): Promise<string> =>
      new Promise((resolve) => {
        const socket = connectTls({ port: listener.port, host: 'localhost', ca: caPem, ...options }, () => {
          resolve(`${socket.getProtocol()} ${socket.alpnProtocol}`);
          socket.destroy();
        });
        socket.on('error', () => resolve('refused'));
      });
    expect(await handshake({ ALPNProtocols: ['h2', 'http/1.1'] })).toBe('TLSv1.3 h2');
    expect(await handshake({ ALPNProtocols: ['http/1.1'], maxVersion: 'TLSv1.2' })).toBe('TLSv1.2 http/1.1');
    expect(await handshake({ maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' })).toBe(
      'refused',
    );

    const silent = connectTcp(listener.port, '127.0.0.1');
    silent.on('error', () => undefined);
    await closedWithin(silent, 2_000);
    await listener.stop();
    agent.destroy();
    await issuer.close();
  });
});

describe('a listener that cannot start', () => {
  const pipelineOf = () => testPipeline({ listener: 'public' }).pipeline;
  const code = async (listener: { start(): Promise<void>; stop(): Promise<void> }): Promise<string> => {
    const error: unknown = await listener.start().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    await listener.stop();
    return error instanceof ListenerError ? error.code : 'started';
  };

  it('refuses plain text off loopback unless TLS ends upstream', async () => {
    const where = { host: '0.0.0.0', port: 0 };
    expect(await code(new ConnectListener({ ...where, pipeline: pipelineOf() }))).toBe('plain-text-refused');
    expect(await code(new ConnectListener({ ...where, pipeline: pipelineOf(), tlsEndsUpstream: true }))).toBe(
      'started',
    );
    expect(await code(new GrpcListener({ ...where, pipeline: pipelineOf() }))).toBe('plain-text-refused');
    const internal = testPipeline({ listener: 'internal' }).pipeline;
    expect(await code(new GrpcListener({ host: '127.0.0.1', port: 0, pipeline: internal }))).toBe('plain-text-refused');
  });

  it('names a port in use, and certificates that do not work', async () => {
    const first = new ConnectListener({ host: '127.0.0.1', port: 0, pipeline: pipelineOf() });
    await first.start();
    const where = { host: '127.0.0.1', port: first.port };
    expect(await code(new ConnectListener({ ...where, pipeline: pipelineOf() }))).toBe('address-in-use');
    expect(await code(new GrpcListener({ ...where, pipeline: pipelineOf() }))).toBe('address-in-use');
    await first.stop();
    const broken = { certPem: 'x', keyPem: 'y', caPem: 'z' };
    expect(await code(new ConnectListener({ host: '127.0.0.1', port: 0, pipeline: pipelineOf(), tls: broken }))).toBe(
      'invalid-tls',
    );
    expect(await code(new GrpcListener({ host: '127.0.0.1', port: 0, pipeline: pipelineOf(), tls: broken }))).toBe(
      'invalid-tls',
    );
  });

  it('can be started and stopped again and again', async () => {
    const listener = new ConnectListener({ host: '127.0.0.1', port: 0, pipeline: pipelineOf() });
    expect(() => listener.port).toThrow(ListenerError);
    await listener.stop();
    for (let n = 0; n < 2; n++) {
      await listener.start();
      await listener.start();
      expect((await fetch(`http://127.0.0.1:${listener.port}/`, { method: 'POST' })).status).toBe(404);
      await listener.stop();
      await listener.stop();
    }
  });
});

async function closedWithin(closing: Socket | ReturnType<typeof connectHttp2>, ms: number): Promise<void> {
  await once(closing, 'close', { signal: AbortSignal.timeout(ms) });
}
