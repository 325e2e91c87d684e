import { connect } from 'node:tls';
import { SigningService } from '@cert-tasks/contracts/signer/v1';
import { TaskService, WorkerService } from '@cert-tasks/contracts/task/v1';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createGrpcClient, type GrpcClientOptions, GrpcListener, type Refusal } from '../src/index.ts';
import { fixtureTls, testPipeline } from './harness.ts';

describe('the internal listener', () => {
  const refusals: Refusal[] = [];
  const parts = testPipeline({ listener: 'internal', onRefusal: (refusal) => void refusals.push(refusal) });
  const listener = new GrpcListener({
    pipeline: parts.pipeline,
    host: '127.0.0.1',
    port: 0,
    tls: fixtureTls('signer'),
    drainMs: 500,
  });
  const clients: { close(): void }[] = [];

  beforeAll(() => listener.start());
  afterAll(async () => {
    for (const client of clients) client.close();
    await listener.stop();
  });
  beforeEach(() => {
    parts.observed.contexts.length = 0;
  });

  const options = (tls: GrpcClientOptions['tls']): GrpcClientOptions => ({
    address: `127.0.0.1:${listener.port}`,
    tls,
    defaultDeadlineMs: 3_000,
    channelName: 'test',
  });
  const workerOf = (tls: GrpcClientOptions['tls']) => {
    const client = createGrpcClient(WorkerService, options(tls));
    clients.push(client);
    return client;
  };
  const HEARTBEAT = { parent: 'projects/-', heartbeats: [{ name: 'projects/p1/tasks/t', fence: 1n }] };

  it('knows a service by its certificate and lets it ask for all projects', async () => {
    const worker = workerOf({ ...fixtureTls('cert'), serverService: 'signer' });
    await worker.heartbeatTasks(HEARTBEAT);
    expect(parts.observed.contexts[0]).toMatchObject({
      principal: { kind: 'service', id: 'cert' },
      project: '-',
      peer: { address: '127.0.0.1', listener: 'internal' },
    });
  });

  it('checks the host name where no service is expected', async () => {
    await workerOf(fixtureTls('cert')).heartbeatTasks(HEARTBEAT);
    expect(parts.observed.contexts).toHaveLength(1);
  });

  it('serves what names the internal listener only', async () => {
    const signing = createGrpcClient(SigningService, options({ ...fixtureTls('cert'), serverService: 'signer' }));
    clients.push(signing);
    await expect(signing.batchSign({})).rejects.toMatchObject({ rpcCode: 'INVALID_ARGUMENT' });
    const tasks = createGrpcClient(TaskService, options({ ...fixtureTls('cert'), serverService: 'signer' }));
    clients.push(tasks);
    await expect(tasks.cancelTask({ name: 'projects/p1/tasks/t' })).rejects.toMatchObject({ rpcCode: 'UNIMPLEMENTED' });
  });

  it('turns away a service that the RPC does not name, and reports it', async () => {
    const worker = workerOf({ ...fixtureTls('audit'), serverService: 'signer' });
    await expect(worker.heartbeatTasks(HEARTBEAT)).rejects.toMatchObject({ rpcCode: 'PERMISSION_DENIED' });
    expect(parts.observed.contexts).toHaveLength(0);
    expect(refusals.at(-1)).toMatchObject({
      method: 'certtasks.task.v1.WorkerService/HeartbeatTasks',
      principal: { kind: 'service', id: 'audit' },
      project: '-',
      peer: '127.0.0.1',
      reason: 'PERMISSION_DENIED',
    });
  });

  it.each(['stranger', 'two-names', 'nameless'])('does not know the certificate %s', async (name) => {
    const worker = workerOf({ ...fixtureTls(name), serverService: 'signer' });
    await expect(worker.heartbeatTasks(HEARTBEAT)).rejects.toMatchObject({
      rpcCode: 'UNAUTHENTICATED',
      reason: 'CERTIFICATE_REJECTED',
    });
    expect(parts.observed.contexts).toHaveLength(0);
  });

  it('ends the handshake with a certificate of another CA', async () => {
    const worker = workerOf({ ...fixtureTls('forged-cert'), serverService: 'signer' });
    await expect(worker.heartbeatTasks(HEARTBEAT, { deadlineMs: 1_000 })).rejects.toMatchObject({
      rpcCode: 'UNAVAILABLE',
    });
    expect(parts.observed.contexts).toHaveLength(0);
  });

  it.each([
    ['without a certificate', {}],
    ['below TLS 1.3', { ...clientTls('cert'), maxVersion: 'TLSv1.2' as const }],
    ['without HTTP/2', { ...clientTls('cert'), ALPNProtocols: ['http/1.1'] }],
  ])('ends a connection %s', async (_what, tls) => {
    const { caPem } = fixtureTls('cert');
    const socket = connect({
      port: listener.port,
      host: '127.0.0.1',
      ca: caPem,
      checkServerIdentity: () => undefined,
      ...tls,
    });
    let received = 0;
    socket.on('data', (data) => {
      received += data.length;
    });
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('close', resolve));
    expect(received).toBe(0);
  });

  it('is not trusted by a client that expects another service, or another CA', async () => {
    const wrongService = workerOf({ ...fixtureTls('cert'), serverService: 'audit' });
    await expect(wrongService.heartbeatTasks(HEARTBEAT, { deadlineMs: 1_000 })).rejects.toMatchObject({
      rpcCode: 'UNAVAILABLE',
    });
    const wrongCa = workerOf({ ...fixtureTls('cert', 'other-ca'), serverService: 'signer' });
    await expect(wrongCa.heartbeatTasks(HEARTBEAT, { deadlineMs: 1_000 })).rejects.toMatchObject({
      rpcCode: 'UNAVAILABLE',
    });
    expect(parts.observed.contexts).toHaveLength(0);
  });
});

function clientTls(name: string): { cert: string; key: string; ALPNProtocols: string[] } {
  const { certPem, keyPem } = fixtureTls(name);
  return { cert: certPem, key: keyPem, ALPNProtocols: ['h2'] };
}
