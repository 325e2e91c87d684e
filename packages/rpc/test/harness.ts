import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DescService } from '@bufbuild/protobuf';
import { SigningService } from '@cert-tasks/contracts/signer/v1';
import { TaskService, WorkerService } from '@cert-tasks/contracts/task/v1';
import { AppError, systemClock } from '@cert-tasks/kernel';
import { createLogger, Metrics } from '@cert-tasks/telemetry';
import { createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import { fromConnectError } from '../src/connect/connect-error.ts';
import {
  type BoundService,
  bindService,
  type CallContext,
  type CallLimits,
  ConnectListener,
  createGrpcClient,
  createPipeline,
  errorMapping,
  GrpcListener,
  HealthService,
  jwtAuthenticator,
  type ListenerName,
  type MutualTls,
  mtlsAuthenticator,
  type OnRefusal,
  type Pipeline,
  type RpcClient,
  reflectionServices,
} from '../src/index.ts';

/** The PEM files of one name of fixtures/pki. */
export function fixturePem(name: string): { certPem: string; keyPem: string } {
  const read = (file: string): string => readFileSync(new URL(`fixtures/pki/${file}`, import.meta.url), 'utf8');
  return { certPem: read(`${name}.pem`), keyPem: read(`${name}.key.pem`) };
}

/** One side of a mutual TLS connection. */
export function fixtureTls(name: string, ca = 'ca'): MutualTls {
  const caPem = readFileSync(new URL(`fixtures/pki/${ca}.pem`, import.meta.url), 'utf8');
  return { ...fixturePem(name), caPem };
}

type TestErrorCode = 'thing-missing' | 'thing-busy' | 'thing-broken';

export class TestError extends AppError<TestErrorCode> {}

const TEST_MAPPING = errorMapping({
  errorClass: TestError,
  domain: 'certtasks.test',
  codes: { 'thing-missing': 'NOT_FOUND', 'thing-busy': 'RESOURCE_EXHAUSTED', 'thing-broken': 'INTERNAL' },
});

/** A token issuer with a JWKS file, whose tokens tests bend as they like. */
export class TokenIssuer {
  static readonly issuer = 'https://issuer.example';
  static readonly audience = 'cert-tasks';
  readonly directory: string;
  readonly jwksFile: string;
  readonly publicJwk: JWK;
  readonly #privateKey: CryptoKey;

  private constructor(parts: { directory: string; publicJwk: JWK; privateKey: CryptoKey }) {
    this.directory = parts.directory;
    this.jwksFile = join(parts.directory, 'jwks.json');
    this.publicJwk = parts.publicJwk;
    this.#privateKey = parts.privateKey;
  }

  static async create(): Promise<TokenIssuer> {
    const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
    const publicJwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'EdDSA', use: 'sig' };
    const directory = await mkdtemp(join(tmpdir(), 'certtasks-rpc-'));
    const issuer = new TokenIssuer({ directory, publicJwk, privateKey });
    await writeFile(issuer.jwksFile, JSON.stringify({ keys: [publicJwk] }));
    return issuer;
  }

  token(claims: { readonly [name in keyof JWTPayload]?: unknown } = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1_000);
    const payload = {
      iss: TokenIssuer.issuer,
      aud: TokenIssuer.audience,
      sub: 'alice',
      kind: 'user',
      iat: now,
      exp: now + 600,
      roles: { p1: ['operator'] },
      ...claims,
    };
    const defined = Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined));
    return new SignJWT(defined).setProtectedHeader({ alg: 'EdDSA', kid: 'k1' }).sign(this.#privateKey);
  }

  async close(): Promise<void> {
    await rm(this.directory, { recursive: true });
  }
}

/** What the test service saw and what it waits for. */
export interface Observed {
  readonly contexts: CallContext[];
  readonly aborts: unknown[];
  /** Lets the deaf handlers answer. */
  release(): void;
}

/** TaskService with handlers that do what the task's type says, WorkerService, and SigningService, which is internal. */
export function testServices(): { services: BoundService[]; observed: Observed } {
  const gate = Promise.withResolvers<void>();
  const observed: Observed = { contexts: [], aborts: [], release: () => gate.resolve() };
  const unused = async (): Promise<never> => {
    throw new TestError('thing-missing', 'Not used here.');
  };
  const tasks = bindService(TaskService, {
    async createTask(ctx, { parent, type, labels }) {
      observed.contexts.push(ctx);
      switch (type) {
        case 'fail.mapped':
          throw new TestError('thing-busy', 'The thing is busy.', {
            advice: 'Come back later.',
            field: 'unique_key',
            retryAfterMs: 1_500,
            metadata: { thing: 'x' },
            cause: new Error('a secret cause'),
          });
        case 'fail.unknown':
          throw new Error('a secret defect');
        case 'fail.broken':
          throw new TestError('thing-broken', 'a secret invariant');
        case 'hang':
          await new Promise<void>((resolve) => ctx.signal.addEventListener('abort', () => resolve(), { once: true }));
          observed.aborts.push(ctx.signal.reason);
          throw ctx.signal.reason;
        case 'hang.deaf':
          await gate.promise;
          return { task: { name: `${parent}/tasks/late` } };
        default:
          return { task: { name: `${parent}/tasks/t1`, type, labels } };
      }
    },
    getTask: unused,
    listTasks: unused,
    listTaskEvents: unused,
    cancelTask: unused,
  });
  const worker = bindService(WorkerService, {
    async leaseTasks(ctx) {
      observed.contexts.push(ctx);
      await new Promise<void>((resolve) => ctx.signal.addEventListener('abort', () => resolve(), { once: true }));
      observed.aborts.push(ctx.signal.reason);
      return { tasks: [] };
    },
    heartbeatTasks: async (ctx) => {
      observed.contexts.push(ctx);
      return { outcomes: [] };
    },
    completeTask: unused,
    failTask: unused,
  });
  const signing = bindService(SigningService, {
    batchSign: unused,
    resolveIntent: unused,
    signCheckpoint: unused,
    listLedgerEntries: unused,
  });
  return { services: [tasks, worker, signing], observed };
}

/** A pipeline over {@link testServices}, with its log in memory. */
export function testPipeline(options: {
  listener: ListenerName;
  issuer?: TokenIssuer;
  limits?: CallLimits;
  onRefusal?: OnRefusal;
}): {
  pipeline: Pipeline;
  observed: Observed;
  health: HealthService;
  metrics: Metrics;
  logLines: () => Record<string, unknown>[];
} {
  const { services, observed } = testServices();
  const descs = services.map(({ desc }) => desc);
  const health = new HealthService({ services: descs });
  health.setServing(true);
  const metrics = new Metrics({ processMetrics: false });
  let written = '';
  const log = createLogger({
    service: 'test',
    level: 'debug',
    destination: {
      write(line: string) {
        written += line;
      },
    },
  });
  const { listener, issuer } = options;
  const pipeline = createPipeline({
    services: [...services, health.bound, ...reflectionServices({ services: descs, listener })],
    listener,
    authenticate:
      issuer === undefined
        ? mtlsAuthenticator()
        : jwtAuthenticator({
            issuer: TokenIssuer.issuer,
            audience: TokenIssuer.audience,
            jwks: { file: issuer.jwksFile },
            clock: systemClock,
          }),
    errorMappings: [TEST_MAPPING],
    ...(options.limits !== undefined && { limits: options.limits }),
    ...(options.onRefusal !== undefined && { onRefusal: options.onRefusal }),
    clock: systemClock,
    log,
    metrics,
  });
  const logLines = (): Record<string, unknown>[] =>
    written
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  return { pipeline, observed, health, metrics, logLines };
}

/** Every way in that this package serves. */
export const WAYS_IN = [
  'grpc-js to grpc-js',
  'grpc-js to Connect',
  'gRPC to Connect',
  'gRPC-Web over HTTP/1.1',
  'gRPC-Web over HTTP/2',
  'Connect binary over HTTP/2',
  'Connect JSON over HTTP/1.1',
] as const;

export type WayIn = (typeof WAYS_IN)[number];

export function isHttp1(way: WayIn): boolean {
  return way.endsWith('HTTP/1.1');
}

/** The listener that a way in leads to. */
export function testListener(
  way: WayIn,
  options: { pipeline: Pipeline; readMaxBytes?: number; drainMs?: number },
): ConnectListener | GrpcListener {
  const { pipeline, readMaxBytes, drainMs = 2_000 } = options;
  const where = { host: '127.0.0.1', port: 0, pipeline, drainMs };
  return way === 'grpc-js to grpc-js'
    ? new GrpcListener({ ...where, ...(readMaxBytes !== undefined && { maxReceiveBytes: readMaxBytes }) })
    : new ConnectListener({ ...where, ...(readMaxBytes !== undefined && { readMaxBytes }) });
}

export interface TestCallOptions {
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A client of a way in. Its failures are RpcErrors, whatever the protocol. */
export function testClient<S extends DescService>(
  desc: S,
  {
    way,
    port,
    token,
    onHeader,
  }: { way: WayIn; port: number; token?: string | undefined; onHeader?: (headers: Headers) => void },
): RpcClient<S> {
  if (way.startsWith('grpc-js')) {
    return createGrpcClient(desc, {
      address: `127.0.0.1:${port}`,
      defaultDeadlineMs: 5_000,
      channelName: 'test',
      ...(token !== undefined && { token }),
    });
  }
  const baseUrl = `http://127.0.0.1:${port}`;
  const interceptors = [
    (next: Parameters<NonNullable<Parameters<typeof createGrpcTransport>[0]['interceptors']>[number]>[0]) =>
      async (request: Parameters<typeof next>[0]) => {
        if (token !== undefined) request.header.set('authorization', `Bearer ${token}`);
        const response = await next(request);
        onHeader?.(response.header);
        return response;
      },
  ];
  const transports: Record<Exclude<WayIn, `grpc-js${string}`>, () => Transport> = {
    'gRPC to Connect': () => createGrpcTransport({ baseUrl, interceptors }),
    'gRPC-Web over HTTP/1.1': () => createGrpcWebTransport({ baseUrl, httpVersion: '1.1', interceptors }),
    'gRPC-Web over HTTP/2': () => createGrpcWebTransport({ baseUrl, httpVersion: '2', interceptors }),
    'Connect binary over HTTP/2': () =>
      createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: true, interceptors }),
    'Connect JSON over HTTP/1.1': () =>
      createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false, interceptors }),
  };
  const made = transports[way as Exclude<WayIn, `grpc-js${string}`>]();
  const client = createClient<DescService>(desc, made) as Record<string, (request: never, options?: never) => unknown>;
  const methods: Record<string, unknown> = { close: () => undefined };
  for (const method of desc.methods) {
    const name = `${desc.typeName}/${method.name}`;
    const call = client[method.localName] as (request: unknown, options: unknown) => unknown;
    const isStream = method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming';
    methods[method.localName] = isStream
      ? async function* (request: unknown, options: { signal?: AbortSignal; deadlineMs?: number } = {}) {
          try {
            yield* call(request, connectOptions(options)) as AsyncIterable<unknown>;
          } catch (error) {
            throw fromConnectError(error, name);
          }
        }
      : async (request: unknown, options: { signal?: AbortSignal; deadlineMs?: number } = {}) => {
          try {
            return await call(request, connectOptions(options));
          } catch (error) {
            throw fromConnectError(error, name);
          }
        };
  }
  return methods as RpcClient<S>;
}

function connectOptions({
  signal,
  deadlineMs,
  requestId,
}: {
  signal?: AbortSignal;
  deadlineMs?: number;
  requestId?: string;
}) {
  return {
    ...(signal !== undefined && { signal }),
    ...(deadlineMs !== undefined && { timeoutMs: deadlineMs }),
    ...(requestId !== undefined && { headers: { 'x-request-id': requestId } }),
  };
}

/** Waits until the condition holds, at most two seconds. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + 2_000;
  while (!(await condition())) {
    if (performance.now() > endsAt) throw new Error(`Waited in vain until ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
