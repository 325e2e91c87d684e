import { createHmac } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Health, HealthCheckResponse_ServingStatus as Status } from '@cert-tasks/contracts/grpc/health/v1';
import { ServerReflection, ServerReflectionV1Alpha } from '@cert-tasks/contracts/grpc/reflection';
import { SigningService } from '@cert-tasks/contracts/signer/v1';
import { TaskService, WorkerService } from '@cert-tasks/contracts/task/v1';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CallError, type ConnectListener, type GrpcListener, type Refusal, RpcError } from '../src/index.ts';
import { isHttp1, TokenIssuer, testClient, testListener, testPipeline, until, WAYS_IN, type WayIn } from './harness.ts';

const READ_MAX = 64 * 1_024;

describe.each(WAYS_IN)('%s', (way) => {
  let issuer: TokenIssuer;
  let listener: ConnectListener | GrpcListener;
  let parts: ReturnType<typeof testPipeline>;
  let token: string;
  const refusals: Refusal[] = [];

  beforeAll(async () => {
    issuer = await TokenIssuer.create();
    parts = testPipeline({ listener: 'public', issuer, onRefusal: (refusal) => void refusals.push(refusal) });
    listener = testListener(way, { pipeline: parts.pipeline, readMaxBytes: READ_MAX });
    await listener.start();
    token = await issuer.token();
  });
  afterAll(async () => {
    parts.observed.release();
    await listener.stop();
    await issuer.close();
  });
  beforeEach(() => {
    parts.observed.contexts.length = 0;
    parts.observed.aborts.length = 0;
  });

  const tasks = (given: string | undefined = token) =>
    testClient(TaskService, { way, port: listener.port, token: given === '' ? undefined : given });
  const failure = async (call: Promise<unknown>): Promise<RpcError> => {
    const error = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof RpcError)) throw new Error('The call was to fail with an RpcError.', { cause: error });
    return error;
  };

  it('answers a unary call and tells the handler who calls', async () => {
    const response = await tasks().createTask(
      { parent: 'projects/p1', type: 'echo', labels: { team: 'x' } },
      { requestId: 'req-42', deadlineMs: 3_000 },
    );
    expect(response.task).toMatchObject({ name: 'projects/p1/tasks/t1', labels: { team: 'x' } });
    const [ctx] = parts.observed.contexts;
    expect(ctx).toMatchObject({
      requestId: 'req-42',
      project: 'p1',
      method: 'certtasks.task.v1.TaskService/CreateTask',
      peer: { listener: 'public' },
    });
    expect(ctx?.peer.address).toMatch(/127\.0\.0\.1$/);
    expect(ctx?.principal).toMatchObject({ kind: 'user', id: 'alice' });
    const leftMs = (ctx?.deadline?.getTime() ?? 0) - Date.now();
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(3_000);
    expect(ctx?.signal.aborted).toBe(false);
    const line = parts.logLines().find((entry) => entry['msg'] === 'rpc' && entry['requestId'] === 'req-42');
    expect(line).toMatchObject({ method: ctx?.method, code: 'OK', principal: 'alice', project: 'p1' });
  });

  it('caps the deadline at 60 s and sets 10 s where the caller sets none', async () => {
    await tasks().createTask({ parent: 'projects/p1', type: 'echo' }, { deadlineMs: 90_000_000 });
    const [capped] = parts.observed.contexts;
    const leftMs = (capped?.deadline?.getTime() ?? 0) - Date.now();
    expect(leftMs).toBeGreaterThan(50_000);
    expect(leftMs).toBeLessThanOrEqual(60_000);
    if (way.startsWith('grpc-js')) return;
    await tasks().createTask({ parent: 'projects/p1', type: 'echo' });
    const defaultMs = (parts.observed.contexts[1]?.deadline?.getTime() ?? 0) - Date.now();
    expect(defaultMs).toBeGreaterThan(8_000);
    expect(defaultMs).toBeLessThanOrEqual(10_000);
  });

  it('carries the details of an error', async () => {
    const error = await failure(tasks().createTask({ parent: 'projects/p1', type: 'fail.mapped' }));
    expect(error).toMatchObject({
      rpcCode: 'RESOURCE_EXHAUSTED',
      reason: 'THING_BUSY',
      domain: 'certtasks.test',
      message: 'The thing is busy. Come back later.',
      advice: 'Come back later.',
      field: 'unique_key',
      retryAfterMs: 1_500,
    });
    expect(error.metadata).toMatchObject({ thing: 'x' });
  });

  it.each(['fail.unknown', 'fail.broken'])('tells nothing of a defect (%s) but the request id', async (type) => {
    const error = await failure(tasks().createTask({ parent: 'projects/p1', type }, { requestId: `req-${type}` }));
    expect(error).toMatchObject({ rpcCode: 'INTERNAL', reason: 'INTERNAL' });
    expect(error.message).toContain(`req-${type}`);
    expect(error.message).not.toContain('secret');
    const logged = parts.logLines().filter((line) => line['level'] === 'error' && line['requestId'] === `req-${type}`);
    expect(logged).toHaveLength(1);
    expect(JSON.stringify(logged)).toContain('secret');
  });

  it('names the fields that break the contract', async () => {
    const error = await failure(
      tasks().createTask({ parent: 'projects/p1', type: 'NOT A TYPE', uniqueKey: 'k'.repeat(300) }),
    );
    expect(error).toMatchObject({ rpcCode: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' });
    expect(error.violations.map(({ field }) => field).sort()).toEqual(['type', 'unique_key']);
    expect(parts.observed.contexts).toHaveLength(0);
  });

  it('names the field of a resource that names no project, to those who have proved who they are', async () => {
    const request = { parent: 'project/p1', type: 'echo' };
    expect(await failure(tasks().createTask(request))).toMatchObject({ rpcCode: 'INVALID_ARGUMENT', field: 'parent' });
    expect(await failure(tasks('').createTask(request))).toMatchObject({ rpcCode: 'UNAUTHENTICATED' });
  });

  it('gives up at the deadline, also where the handler does not listen', async () => {
    const error = await failure(tasks().createTask({ parent: 'projects/p1', type: 'hang' }, { deadlineMs: 100 }));
    expect(error.rpcCode).toBe('DEADLINE_EXCEEDED');
    await until('the handler was told', () => parts.observed.aborts.length === 1);
    const [reason] = parts.observed.aborts;
    expect(reason).toBeInstanceOf(CallError);
    const began = performance.now();
    const deaf = await failure(tasks().createTask({ parent: 'projects/p1', type: 'hang.deaf' }, { deadlineMs: 100 }));
    expect(deaf.rpcCode).toBe('DEADLINE_EXCEEDED');
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  it('tells the handler that its caller has gone', async () => {
    const abort = new AbortController();
    const call = failure(
      tasks().createTask({ parent: 'projects/p1', type: 'hang' }, { signal: abort.signal, deadlineMs: 30_000 }),
    );
    await until('the handler runs', () => parts.observed.contexts.length === 1);
    abort.abort();
    expect((await call).rpcCode).toBe('CANCELLED');
    await until('the handler was told', () => parts.observed.aborts.length === 1);
    expect(parts.observed.aborts[0]).toMatchObject({ code: 'cancelled' });
  });

  it('refuses a message that is too large', async () => {
    const big = { parent: 'projects/p1', type: 'echo', uniqueKey: 'k'.repeat(2 * READ_MAX) };
    expect((await failure(tasks().createTask(big))).rpcCode).toBe('RESOURCE_EXHAUSTED');
    expect(parts.observed.contexts).toHaveLength(0);
  });

  describe('turns away', () => {
    const request = { parent: 'projects/p1', type: 'echo' };
    const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const now = Math.floor(Date.now() / 1_000);
    const claims = () => ({
      iss: TokenIssuer.issuer,
      aud: TokenIssuer.audience,
      sub: 'mallory',
      kind: 'admin',
      iat: now,
      exp: now + 600,
      roles: { '*': ['admin'] },
    });

    it.each<[string, () => Promise<string> | string, string]>([
      ['no token', () => '', 'TOKEN_MISSING'],
      ['what is no token', () => 'abc', 'TOKEN_REJECTED'],
      ['an expired token', () => issuer.token({ iat: now - 1_000, exp: now - 61 }), 'TOKEN_EXPIRED'],
      ['a token without an end', () => issuer.token({ exp: undefined }), 'TOKEN_REJECTED'],
      ['a token for more than 24 hours', () => issuer.token({ exp: now + 24 * 3_600 + 120 }), 'TOKEN_REJECTED'],
      ['a token that is not valid yet', () => issuer.token({ nbf: now + 120 }), 'TOKEN_REJECTED'],
      ['a token for somebody else', () => issuer.token({ aud: 'another' }), 'TOKEN_REJECTED'],
      ['a token of another issuer', () => issuer.token({ iss: 'https://evil.example' }), 'TOKEN_REJECTED'],
      ['a token of no kind', () => issuer.token({ kind: 'service' }), 'TOKEN_REJECTED'],
      ['a token with broken roles', () => issuer.token({ roles: ['admin'] }), 'TOKEN_REJECTED'],
      ['an unsigned token', () => `${base64({ alg: 'none' })}.${base64(claims())}.`, 'TOKEN_REJECTED'],
      [
        'a token signed with the public key as a secret',
        () => {
          const signed = `${base64({ alg: 'HS256', kid: 'k1' })}.${base64(claims())}`;
          const mac = createHmac('sha256', Buffer.from(issuer.publicJwk.x ?? '', 'base64url')).update(signed);
          return `${signed}.${mac.digest('base64url')}`;
        },
        'TOKEN_REJECTED',
      ],
      [
        'a token with another payload',
        async () => (await issuer.token()).replace(/\.[^.]+\./, `.${base64(claims())}.`),
        'TOKEN_REJECTED',
      ],
    ])('%s', async (_what, make, reason) => {
      const given = await make();
      const error = await failure(tasks(given).createTask(request));
      expect(error).toMatchObject({ rpcCode: 'UNAUTHENTICATED', reason });
      if (given.length > 10) expect(JSON.stringify(parts.logLines())).not.toContain(given.split('.').at(-1) || given);
      expect(parts.observed.contexts).toHaveLength(0);
    });

    it('a role that does not grant it, telling the permission and the project only', async () => {
      const viewer = await issuer.token({ roles: { p1: ['viewer'], p2: ['admin'] } });
      const error = await failure(tasks(viewer).createTask(request));
      expect(error).toMatchObject({
        rpcCode: 'PERMISSION_DENIED',
        reason: 'PERMISSION_DENIED',
        message: 'This needs tasks.create in project p1.',
        metadata: { permission: 'tasks.create', project: 'p1' },
      });
    });

    it('those who have the role in another project', async () => {
      const error = await failure(tasks().createTask({ parent: 'projects/p2', type: 'echo' }));
      expect(error).toMatchObject({ rpcCode: 'PERMISSION_DENIED', metadata: { project: 'p2' } });
    });

    it('people who ask for all projects, whatever their roles', async () => {
      const admin = await issuer.token({ roles: { '*': ['admin'] } });
      const worker = testClient(WorkerService, { way, port: listener.port, token: admin });
      const error = await failure(worker.leaseTasks({ parent: 'projects/-', worker: 'w', types: ['t'], maxTasks: 1 }));
      expect(error).toMatchObject({ rpcCode: 'PERMISSION_DENIED', metadata: { project: '-' } });
      expect(await tasks(admin).createTask({ parent: 'projects/any', type: 'echo' })).toBeDefined();
    });

    it('calls of what this listener does not serve', async () => {
      const signing = testClient(SigningService, { way, port: listener.port, token });
      expect((await failure(signing.batchSign({}))).rpcCode).toBe('UNIMPLEMENTED');
    });

    it('and reports it once a minute for each peer and method', async () => {
      const reported = refusals.filter(({ method }) => method === 'certtasks.task.v1.TaskService/CreateTask');
      expect(reported).toHaveLength(1);
      expect(reported[0]).toMatchObject({ rpcCode: 'UNAUTHENTICATED', suppressed: 0 });
    });
  });

  it('ends a long poll after its own time', async () => {
    const worker = testClient(WorkerService, { way, port: listener.port, token });
    const error = await failure(
      worker.leaseTasks({ parent: 'projects/p1', worker: 'w', types: ['t'], maxTasks: 1 }, { deadlineMs: 200 }),
    );
    expect(error.rpcCode).toBe('DEADLINE_EXCEEDED');
    const leftMs = (parts.observed.contexts[0]?.deadline?.getTime() ?? 0) - Date.now();
    expect(leftMs).toBeLessThanOrEqual(100);
  });

  it('answers health without an identity, once and as a stream', async () => {
    const health = testClient(Health, { way, port: listener.port });
    expect((await health.check({ service: '' })).status).toBe(Status.SERVING);
    expect((await health.check({ service: 'certtasks.task.v1.TaskService' })).status).toBe(Status.SERVING);
    expect((await failure(health.check({ service: 'x' }))).rpcCode).toBe('NOT_FOUND');
    expect(Object.keys((await health.list({})).statuses)).toContain('certtasks.task.v1.TaskService');

    const abort = new AbortController();
    const seen: Status[] = [];
    const watching = (async () => {
      for await (const { status } of health.watch({ service: '' }, { signal: abort.signal })) seen.push(status);
    })();
    await until('the first status came', () => seen.length === 1);
    parts.health.setServing(false);
    await until('the change came', () => seen.length === 2);
    parts.health.setServing(true);
    await until('the next change came', () => seen.length === 3);
    expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING, Status.SERVING]);
    abort.abort();
    await expect(watching).rejects.toMatchObject({ rpcCode: 'CANCELLED' });
  });
});

describe.each(WAYS_IN)('%s, stopping', (way) => {
  it('lets calls end, ends those that wait, and takes no new ones', async () => {
    const issuer = await TokenIssuer.create();
    const { pipeline, observed } = testPipeline({ listener: 'public', issuer });
    const listener = testListener(way, { pipeline });
    await listener.start();
    const token = await issuer.token();
    const tasks = testClient(TaskService, { way, port: listener.port, token });
    const worker = testClient(WorkerService, { way, port: listener.port, token });
    const running = tasks.createTask({ parent: 'projects/p1', type: 'hang.deaf' });
    const waiting = worker.leaseTasks(
      { parent: 'projects/p1', worker: 'w', types: ['t'], maxTasks: 1 },
      { deadlineMs: 20_000 },
    );
    await until('both run', () => observed.contexts.length === 2);
    const { port } = listener;
    const stopping = listener.stop();
    expect(await waiting).toMatchObject({ tasks: [] });
    expect(observed.aborts[0]).toMatchObject({ code: 'shutting-down' });
    const late = testClient(TaskService, { way, port, token });
    await expect(late.createTask({ parent: 'projects/p1', type: 'echo' }, { deadlineMs: 500 })).rejects.toBeInstanceOf(
      RpcError,
    );
    observed.release();
    expect(await running).toMatchObject({ task: { name: 'projects/p1/tasks/late' } });
    await stopping;
    for (const client of [tasks, worker, late]) client.close();
    await issuer.close();
  });

  it('answers UNAVAILABLE to what does not end in time', async () => {
    const issuer = await TokenIssuer.create();
    const { pipeline, observed } = testPipeline({ listener: 'public', issuer });
    const listener = testListener(way, { pipeline, drainMs: 100 });
    await listener.start();
    const tasks = testClient(TaskService, { way, port: listener.port, token: await issuer.token() });
    const running = tasks.createTask({ parent: 'projects/p1', type: 'hang.deaf' });
    running.catch(() => undefined);
    await until('it runs', () => observed.contexts.length === 1);
    await listener.stop();
    await expect(running).rejects.toMatchObject({ rpcCode: 'UNAVAILABLE', reason: 'SHUTTING_DOWN' });
    observed.release();
    tasks.close();
    await issuer.close();
  });
});

async function withReflection(way: WayIn, use: (port: number) => Promise<void>): Promise<void> {
  const issuer = await TokenIssuer.create();
  const listener = testListener(way, { pipeline: testPipeline({ listener: 'public', issuer }).pipeline, drainMs: 200 });
  await listener.start();
  try {
    await use(listener.port);
  } finally {
    await listener.stop();
    await issuer.close();
  }
}

describe.each(WAYS_IN.filter(isHttp1))('%s', (way) => {
  it('has no streams of requests', () =>
    withReflection(way, async (port) => {
      const reflection = testClient(ServerReflection, { way, port });
      const answers = reflection.serverReflectionInfo((async function* () {})());
      await expect(answers[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(RpcError);
    }));
});

describe.each(WAYS_IN.filter((way) => !isHttp1(way)))('%s', (way) => {
  it('answers reflection, both versions', () =>
    withReflection(way, async (port) => {
      for (const desc of [ServerReflection, ServerReflectionV1Alpha]) {
        const reflection = testClient(desc, { way, port });
        const questions = (async function* () {
          yield { messageRequest: { case: 'listServices', value: '' } } as const;
          yield {
            messageRequest: { case: 'fileContainingSymbol', value: 'certtasks.task.v1.TaskService.CreateTask' },
          } as const;
          yield { messageRequest: { case: 'fileByFilename', value: 'certtasks/rpc/v1/access.proto' } } as const;
          yield {
            messageRequest: {
              case: 'fileContainingExtension',
              value: { containingType: 'google.protobuf.MethodOptions', extensionNumber: 50_801 },
            },
          } as const;
          yield {
            messageRequest: { case: 'allExtensionNumbersOfType', value: 'google.protobuf.MethodOptions' },
          } as const;
          yield { messageRequest: { case: 'fileContainingSymbol', value: 'no.such.Thing' } } as const;
        })();
        const answers = [];
        for await (const { messageResponse } of reflection.serverReflectionInfo(questions))
          answers.push(messageResponse);
        const [list, bySymbol, byName, byExtension, numbers, unknown] = answers;
        expect(list?.case === 'listServicesResponse' && list.value.service.map(({ name }) => name)).toEqual([
          'certtasks.task.v1.TaskService',
          'certtasks.task.v1.WorkerService',
          'grpc.reflection.v1.ServerReflection',
          'grpc.reflection.v1alpha.ServerReflection',
        ]);
        const fileNames = (answer: typeof list): string[] =>
          answer?.case === 'fileDescriptorResponse'
            ? answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name)
            : [];
        expect(fileNames(bySymbol)[0]).toBe('certtasks/task/v1/task_service.proto');
        expect(fileNames(bySymbol)).toContain('google/protobuf/descriptor.proto');
        expect(fileNames(byName)).toEqual(['certtasks/rpc/v1/access.proto', 'google/protobuf/descriptor.proto']);
        expect(fileNames(byExtension)[0]).toBe('certtasks/rpc/v1/access.proto');
        expect(numbers?.case === 'allExtensionNumbersResponse' && numbers.value.extensionNumber).toContain(50_801);
        expect(unknown).toMatchObject({ case: 'errorResponse', value: { errorCode: 5 } });
      }
    }));
});
