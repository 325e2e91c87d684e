import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { fromBinary, fromJson, getOption, toBinary, toJsonString } from '@bufbuild/protobuf';
import { EventSchema } from '@cert-tasks/contracts/event/v1';
import { access, Listener } from '@cert-tasks/contracts/rpc/v1';
import { TaskState } from '@cert-tasks/contracts/task/v1';
import type { TransportService } from '@cert-tasks/stack';
import { testTransportPki, waitFor } from '@cert-tasks/testkit';
import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT, TestPlatform } from '../test-platform.ts';
import { type ForgedToken, forgedTokens } from './forged-tokens.ts';
import { findLeaks } from './leaks.ts';
import { makeProject, type ProjectFixture } from './project-fixture.ts';
import { type JsonMessage, RPC_SAMPLES, type WalkedMethod, walkedMethods } from './rpc-samples.ts';
import { differences, exemptTables, growth, type Snapshot, takeSnapshot } from './table-snapshot.ts';
import { type Answer, callConnect, callConnectHttp2, GrpcWire } from './wire-call.ts';

const OTHER_PROJECT = 'globex';
const MIB = 1024 * 1024;
const SERVICES: readonly TransportService[] = ['cert', 'signer', 'task-scheduler', 'audit'];
const SCHEMAS = ['cert', 'signer', 'task', 'audit'] as const;

/** 64 KiB that unpack to 64 MiB. */
const PACKED_PADDING = gzipSync(unknownField(64 * MIB));
const METHODS = walkedMethods();
const OPEN = METHODS.filter(({ sample }) => sample !== undefined && sample.isPublic !== false);
const HIDDEN = METHODS.filter(({ sample }) => sample?.isPublic === false);
/** For what services alone call: a field out of its bounds. */
const BROKEN_FIELDS: Readonly<Record<string, { readonly field: string; readonly message: JsonMessage }>> = {
  'certtasks.signer.v1.KeyService/CreateKey': { field: 'key_id', message: { keyId: '../x' } },
  'certtasks.signer.v1.KeyService/GetKey': { field: 'name', message: { name: 'x' } },
  'certtasks.signer.v1.SigningService/BatchSign': { field: 'items', message: { items: [] } },
  'certtasks.signer.v1.SigningService/ResolveIntent': { field: 'intent_id', message: { intentId: '1' } },
  'certtasks.signer.v1.SigningService/SignCheckpoint': { field: 'root_hash', message: { rootHash: 'AAAA' } },
  'certtasks.signer.v1.SigningService/ListLedgerEntries': { field: 'page_size', message: { pageSize: -1 } },
  'certtasks.task.v1.ScheduleService/CreateSchedule': { field: 'schedule_id', message: { scheduleId: 'A B' } },
  'certtasks.task.v1.TaskService/CreateTask': { field: 'type', message: { type: 'drop table' } },
  'certtasks.task.v1.TaskService/GetTask': { field: 'name', message: { name: 'projects/acme/tasks' } },
  'certtasks.task.v1.WorkerService/LeaseTasks': { field: 'max_tasks', message: { maxTasks: 0 } },
  'certtasks.task.v1.WorkerService/HeartbeatTasks': { field: 'heartbeats', message: { heartbeats: [] } },
  'certtasks.task.v1.WorkerService/CompleteTask': { field: 'fence', message: { fence: '0' } },
  'certtasks.task.v1.WorkerService/FailTask': { field: 'reason', message: { reason: 'lower case' } },
  'certtasks.event.v1.EventFeedService/ReadEvents': { field: 'page_size', message: { pageSize: -1 } },
  'certtasks.event.v1.EventFeedService/ReportPosition': { field: 'number', message: { number: '-1' } },
};
/** The ways in which the public listener takes a message. */
const CODECS = ['json', 'binary'] as const;
type Codec = (typeof CODECS)[number];

let test: TestPlatform;
let sql: Sql;
let own: ProjectFixture;
let other: ProjectFixture;
let tokens: Readonly<Record<'admin' | 'viewer' | 'elsewhere' | 'nowhere', string>>;
let forged: readonly ForgedToken[];
let before: Snapshot;
/** Every refusal with the request that it answers. */
const refusals: { readonly method: string; readonly what: string; readonly sent: string; readonly answer: Answer }[] =
  [];
const wires = new Map<string, GrpcWire>();

beforeAll(async () => {
  // What time alone would bring does not come while tables are compared.
  test = await TestPlatform.start({ extraSettings: { cert: { CERT_RENEWAL_SCAN_INTERVAL: '24h' } } });
  sql = postgres(test.platform.databaseUrl, { max: 1, onnotice: () => undefined });
  const everywhere = test.clients(test.token({ kind: 'admin', roles: { '*': ['admin', 'auditor'] } }));
  [own, other] = await Promise.all([makeProject(PROJECT, everywhere), makeProject(OTHER_PROJECT, everywhere)]);
  tokens = {
    admin: test.token({ kind: 'admin', roles: { [PROJECT]: ['admin', 'auditor'] } }),
    viewer: test.token({ roles: { [PROJECT]: ['viewer'] } }),
    elsewhere: test.token({ kind: 'admin', roles: { initech: ['admin', 'operator', 'auditor', 'viewer'] } }),
    nowhere: test.token({ roles: {} }),
  };
  forged = forgedTokens(test.platform.issuer);
  // The first event of a source and its first reader are rows of their own: every source has had one.
  for (const server of SERVICES) {
    const method = OPEN.find((candidate) => candidate.server === server);
    if (method !== undefined) await callConnect({ ...target(method), contentType: 'application/json', body: '{}' });
  }
  expect(await test.settle()).toEqual([]);
  before = await atRest();
}, 120_000);

afterAll(async () => {
  for (const wire of wires.values()) wire.close();
  await sql?.end();
  await test?.stop();
}, 60_000);

describe('the walk', () => {
  it('has a request for every RPC of the contracts, and no others', () => {
    expect(new Set(METHODS.map(({ name }) => name))).toEqual(new Set(Object.keys(RPC_SAMPLES)));
    expect(METHODS.length).toBeGreaterThan(30);
  });

  it.each(METHODS.map((method) => [method.name, method] as const))(
    '%s is told of as its contract says',
    (_, method) => {
      const option = getOption(method.desc, access);
      expect(option.listeners.includes(Listener.PUBLIC)).toBe(method.sample?.isPublic !== false);
      expect([...option.services].toSorted()).toEqual([...(method.sample?.services ?? [])].toSorted());
      expect(option.anonymous).toBe(false);
    },
  );
});

describe.each(OPEN.map((method) => [method.name, method] as const))('%s on the public listener', (_name, method) => {
  const sample = () => requestFor(method, own);

  it('refuses who shows no token, or one that is not genuine', async () => {
    for (const codec of CODECS) {
      const answer = await call(method, { codec, what: 'no token', message: sample() });
      expect(answer).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'TOKEN_MISSING' });
    }
    for (const { what, reason, token } of forged) {
      const answer = await call(method, { codec: 'json', what, token, message: sample() });
      expect.soft(answer, what).toMatchObject({ code: 'UNAUTHENTICATED' });
      // A token without a signature is not even one.
      expect.soft(answer.reason, what).toBe(reason);
    }
  });

  it('refuses who has no role in the project', async () => {
    for (const codec of CODECS) {
      for (const who of ['elsewhere', 'nowhere'] as const) {
        const answer = await call(method, { codec, what: who, token: tokens[who], message: sample() });
        expect(answer, who).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'PERMISSION_DENIED' });
      }
    }
  });

  it(method.sample?.changes === true ? 'refuses a viewer' : 'lets a reader read', async () => {
    const reads = method.sample?.changes !== true;
    const isLog = method.name.startsWith('certtasks.audit.');
    for (const codec of CODECS) {
      const answer = await call(method, { codec, what: 'a viewer', token: tokens.viewer, message: sample() });
      // The log tells who did what: it takes an auditor.
      expect(answer.code).toBe(reads && !isLog ? 'OK' : 'PERMISSION_DENIED');
      if (!reads) continue;
      const allowed = await call(method, { codec, what: 'a reader', token: tokens.admin, message: sample() });
      expect(allowed.code, allowed.message).toBe('OK');
    }
  });

  it('refuses malformed names with their field', async () => {
    const field = resourceField(method);
    const isChild = String(sample()[jsonName(method, field)]).split('/').length > 2;
    const names = [
      '',
      'projects/',
      'projects/ACME',
      `projects/${PROJECT}; drop table cert.certificates`,
      `projects/../${OTHER_PROJECT}`,
      'x'.repeat(300),
      ...(isChild
        ? [
            `projects/${PROJECT}`,
            `projects/${PROJECT}/widgets/1`,
            `${own.waitingTask}/../../x`,
            `projects/${PROJECT}/certificates/' or 1=1`,
          ]
        : [`projects/${PROJECT}/certificates/1`]),
    ];
    for (const name of names) {
      const message = { ...sample(), [jsonName(method, field)]: name };
      const answer = await call(method, { codec: 'binary', what: `name ${name}`, token: tokens.admin, message });
      expect(answer, name).toMatchObject({ code: 'INVALID_ARGUMENT', fields: [field] });
    }
  });

  it('refuses what is no message', async () => {
    const type = { json: 'application/json', binary: 'application/proto' };
    const bodies: [string, string, string | Uint8Array][] = [
      ['JSON that breaks off', type.json, JSON.stringify(sample()).slice(0, -1)],
      ['JSON of another shape', type.json, '[1, 2]'],
      ['a number for a name', type.json, JSON.stringify({ ...sample(), [resourceField(method)]: 5 })],
      ['JSON nested deep', type.json, `${'{"labels":'.repeat(5_000)}1${'}'.repeat(5_000)}`],
      ['nothing as JSON', type.json, ''],
      ['a message that breaks off', type.binary, encoded(method, sample()).subarray(0, -1)],
      ['bytes', type.binary, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)],
      ['JSON as binary', type.binary, JSON.stringify(sample())],
      ['binary as JSON', type.json, encoded(method, sample())],
    ];
    for (const [what, contentType, body] of bodies) {
      const answer = await send(method, { contentType, body, what, token: tokens.admin });
      expect.soft(answer.code, what).toBe('INVALID_ARGUMENT');
    }
    // The protocol's own word for a type that it does not speak (Connect, unary responses: HTTP 415).
    const answer = await send(method, {
      contentType: 'text/plain',
      body: JSON.stringify(sample()),
      what: 'another type',
      token: tokens.admin,
    });
    expect(answer.code).toBe('HTTP 415');
  });

  it('refuses more than 4 MiB, packed or not', async () => {
    const large: [string, Codec, Uint8Array, Record<string, string>][] = [
      ['large JSON', 'json', Buffer.concat([jsonBytes(method, sample()), Buffer.alloc(4 * MIB + 1, ' ')]), {}],
      ['a large message', 'binary', Buffer.concat([encoded(method, sample()), unknownField(4 * MIB + 1)]), {}],
      [
        'a small message that unpacks to a large one',
        'binary',
        // Members one after the other are one stream (RFC 1952, section 2.2).
        Buffer.concat([gzipSync(encoded(method, sample())), PACKED_PADDING]),
        { 'content-encoding': 'gzip' },
      ],
    ];
    for (const [what, codec, body, headers] of large) {
      const contentType = codec === 'json' ? 'application/json' : 'application/proto';
      const answer = await send(method, { contentType, body, what, token: tokens.admin, headers, isHttp2: true });
      expect.soft(answer.code, what).toBe('RESOURCE_EXHAUSTED');
    }
  });

  if (method.sample?.foreign === undefined) return;

  it('does not know what another project has', async () => {
    const field = jsonName(method, resourceField(method));
    const theirs = requestFor(method, other);
    // Their ids, their fences, under the caller's own project.
    const message = { ...theirs, [field]: String(theirs[field]).replace(`projects/${OTHER_PROJECT}`, own.parent) };
    expect(JSON.stringify(message)).not.toBe(JSON.stringify(sample()));
    for (const codec of CODECS) {
      const answer = await call(method, { codec, what: 'of another project', token: tokens.admin, message });
      expect(answer.code, answer.message).toBe(method.sample?.foreign);
    }
    // And what is theirs by its right name is not the caller's to ask for.
    const answer = await call(method, { codec: 'json', what: 'theirs', token: tokens.admin, message: theirs });
    expect(answer.code).toBe('PERMISSION_DENIED');
  });
});

describe.each(HIDDEN.map((method) => [`${method.name} of ${method.server}`, method] as const))(
  '%s',
  (_name, method) => {
    it('is not known to the public listener', async () => {
      for (const codec of CODECS) {
        for (const token of [tokens.admin, test.token({ kind: 'admin', roles: { '*': ['admin', 'operator'] } })]) {
          const message = requestFor(method, own);
          const answer = await call(method, { codec, what: 'internal', token, message });
          expect(answer).toMatchObject({ code: 'UNIMPLEMENTED', reason: 'METHOD_NOT_SERVED' });
        }
      }
    });
  },
);

describe.each(METHODS.map((method) => [`${method.name} of ${method.server}`, method] as const))(
  '%s on the internal listener',
  (_name, method) => {
    const allowed = method.sample?.services ?? [];

    it('is for the services that its contract names', async () => {
      const message = encoded(method, requestFor(method, own));
      for (const service of SERVICES.filter((name) => !allowed.includes(name))) {
        const answer = await callInternal(method, { service, message, what: `called by ${service}` });
        // What no service may call is not served here at all.
        const code = allowed.length === 0 ? 'UNIMPLEMENTED' : 'PERMISSION_DENIED';
        expect(answer.code, service).toBe(code);
      }
    });

    if (allowed.length === 0) return;

    it('refuses what is no message, and what is too large', async () => {
      for (const service of allowed) {
        const message = encoded(method, requestFor(method, own)).subarray(0, -1);
        const answer = await callInternal(method, { service, message, what: 'no message' });
        expect(answer).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'MALFORMED_MESSAGE' });
      }
      const [service = 'cert'] = allowed;
      const head = Buffer.alloc(5);
      head.writeUInt32BE(65 * MIB, 1);
      const answer = await wireTo(method.server, service).call(method.name, head, { isEnveloped: true });
      expect(answer.code).toBe('RESOURCE_EXHAUSTED');
    });

    it('refuses a field that breaks the contract, by name', async () => {
      const { [method.name]: broken } = BROKEN_FIELDS;
      const [service = 'cert'] = allowed;
      const message = encoded(method, { ...requestFor(method, own), ...broken?.message });
      const answer = await callInternal(method, { service, message, what: 'a bad field' });
      expect(answer).toMatchObject({ code: 'INVALID_ARGUMENT', fields: [broken?.field] });
    });
  },
);

describe.each(SERVICES)('the internal listener of %s', (server) => {
  it('ends the handshake of whoever shows no certificate of the transport CA', async () => {
    const { caPem } = tlsOf('cert');
    const foreign = testTransportPki();
    const strangers = [
      ['no certificate', { caPem }, /ALERT_CERTIFICATE_REQUIRED/],
      // Node.js closes the connection without a word; no request has been read by then.
      ['one of a foreign CA', { caPem, ...foreign.service('cert') }, /ALERT_UNKNOWN_CA|ECONNRESET|not answered/],
    ] as const;
    for (const [what, tls, refusal] of strangers) {
      const wire = new GrpcWire({ port: internalPort(server), tls });
      const outcome = await wire.call('grpc.health.v1.Health/Check', new Uint8Array()).then(
        (answer) => `answered: ${answer.code}`,
        (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
      );
      wire.close();
      expect(outcome, what).toMatch(refusal);
    }
    // The same call with a certificate of ours is answered: what ended the others was theirs.
    const answer = await wireTo(server, 'cert').call('grpc.health.v1.Health/Check', new Uint8Array());
    expect(answer.code).toBe('OK');
  });
});

describe('after the walk', () => {
  it('every refusal says why in google.rpc.ErrorInfo', () => {
    expect(refusals.length).toBeGreaterThan(1_000);
    const bare = refusals.filter(({ answer }) => answer.reason === '' || answer.domain === '');
    expect(summary(bare)).toEqual([]);
  });

  it('no refusal told what is not the caller’s to know', () => {
    const secrets = [...other.secrets, ...platformSecrets()];
    const leaks = refusals.flatMap(({ method, what, sent, answer }) =>
      findLeaks({ text: answer.text, sent, secrets }).map((leak) => `${method}, ${what}: ${leak}: ${answer.text}`),
    );
    expect(leaks).toEqual([]);
  });

  it('nothing has changed but what tells of the refusals', async () => {
    const after = await atRest();
    for (const name of exemptTables()) expect(after.has(name), `${name} is no table any more`).toBe(true);
    expect(differences(before, after)).toEqual([]);

    const told = new Set<string>();
    for (const schema of SCHEMAS) {
      const grown = Number(growth(`${schema}.outbox`, { before, after }));
      const rows = await sql<{ body: Uint8Array }[]>`select body from ${sql(`${schema}.outbox`)} order by id desc`;
      const events = rows.map(({ body }) => fromBinary(EventSchema, body));
      expect(new Set(events.slice(0, grown).map(({ type }) => type))).toEqual(new Set(['access.denied']));
      for (const { type, action } of events) if (type === 'access.denied') told.add(action);
    }
    expect([...told]).toEqual(expect.arrayContaining(OPEN.map(({ name }) => name)));
    const events = SCHEMAS.map((schema) => growth(`${schema}.outbox`, { before, after }));
    expect(growth('audit.entries', { before, after })).toBe(events.reduce((sum, count) => sum + count, 0n));
    expect(await test.settle()).toEqual([]);
  });

  it('a task does not reach over the wall for its creator', async () => {
    const { tasks } = test.clients(test.token({ roles: { [PROJECT]: ['operator'] } }));
    const { task } = await tasks.createTask({
      parent: own.parent,
      type: 'cert.renew',
      payload: { certificate: other.certificate },
      retryPolicy: { maxAttempts: 1 },
    });
    const ended = await waitFor(
      async () => {
        const { task: now } = await tasks.getTask({ name: task?.name ?? '' });
        return now?.endTime === undefined ? undefined : now;
      },
      { what: 'the task to end', timeoutMs: 30_000 },
    );
    expect([TaskState.FAILED, TaskState.DEAD]).toContain(ended.state);
    expect(
      findLeaks({ text: ended.lastError?.message ?? '', sent: other.certificate, secrets: other.secrets }),
    ).toEqual([]);
    const [theirs] = await sql<{ renewed: boolean }[]>`
      select replaced_by is not null as renewed from cert.certificates where id = ${other.certificate.split('/').at(-1) ?? ''}`;
    expect(theirs?.renewed).toBe(false);
  });

  // Last, for this changes things: what was refused above was refused for the stated reason alone.
  it.each(OPEN.filter(({ sample }) => sample?.changes === true).map((method) => [method.name, method] as const))(
    '%s does it for who may',
    async (_name, method) => {
      const message = requestFor(method, own);
      const body = jsonBytes(method, message);
      const answer = await callConnect({
        ...target(method),
        contentType: 'application/json',
        body,
        token: tokens.admin,
      });
      expect(answer.code, answer.message).toBe('OK');
    },
  );

  it.each(
    METHODS.filter(({ sample }) => (sample?.services?.length ?? 0) > 0 && sample?.changes === false).map(
      (method) => [`${method.name} of ${method.server}`, method] as const,
    ),
  )('%s answers the services that may', async (_name, method) => {
    for (const service of method.sample?.services ?? []) {
      const answer = await wireTo(method.server, service).call(method.name, encoded(method, requestFor(method, own)));
      expect(answer.code, `${service}: ${answer.message}`).toBe('OK');
    }
  });
});

function requestFor({ sample, name }: WalkedMethod, fixture: ProjectFixture): JsonMessage {
  if (sample === undefined) throw new Error(`${name} has no sample request in rpc-samples.ts`);
  return sample.request(fixture);
}

/** The field that names the project, as the contract writes it. */
function resourceField({ desc }: WalkedMethod): string {
  return getOption(desc, access).resourceField;
}

function jsonName({ desc }: WalkedMethod, field: string): string {
  return desc.input.fields.find(({ name }) => name === field)?.jsonName ?? field;
}

function encoded({ desc }: WalkedMethod, message: JsonMessage): Uint8Array {
  return toBinary(desc.input, fromJson(desc.input, message));
}

function jsonBytes({ desc }: WalkedMethod, message: JsonMessage): Buffer {
  return Buffer.from(toJsonString(desc.input, fromJson(desc.input, message)));
}

/** A field of bytes that no message of ours has (number 2047): skipped by whoever parses it. */
function unknownField(length: number): Buffer {
  const varint = (value: number): number[] =>
    value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 0x80))];
  return Buffer.concat([Buffer.from([...varint(2047 * 8 + 2), ...varint(length)]), Buffer.alloc(length)]);
}

function target({ name, server }: WalkedMethod): { baseUrl: string; method: string } {
  const { urls } = test.platform;
  const baseUrl = { cert: urls.cert, signer: urls.signer, 'task-scheduler': urls.task, audit: urls.audit }[server];
  return { baseUrl, method: name };
}

async function call(
  method: WalkedMethod,
  input: { codec: Codec; what: string; message: JsonMessage; token?: string },
): Promise<Answer> {
  const { codec, what, message, token } = input;
  return codec === 'json'
    ? send(method, { contentType: 'application/json', body: jsonBytes(method, message), what, token })
    : send(method, { contentType: 'application/proto', body: encoded(method, message), what, token });
}

async function send(
  method: WalkedMethod,
  input: {
    contentType: string;
    body: Uint8Array | string;
    what: string;
    token: string | undefined;
    headers?: Record<string, string>;
    isHttp2?: boolean;
  },
): Promise<Answer> {
  const { contentType, body, what, token, headers = {}, isHttp2 = false } = input;
  const invoke = isHttp2 ? callConnectHttp2 : callConnect;
  const answer = await invoke({ ...target(method), contentType, body, token, headers });
  const sent = Buffer.from(body.slice(0, 4096)).toString('latin1');
  // An answer of HTTP alone is not the protocol's, and has no room for details.
  if (answer.code !== 'OK' && !answer.code.startsWith('HTTP'))
    refusals.push({ method: method.name, what, sent, answer });
  return answer;
}

async function callInternal(
  method: WalkedMethod,
  input: { service: TransportService; message: Uint8Array; what: string },
): Promise<Answer> {
  const { service, message, what } = input;
  const answer = await wireTo(method.server, service).call(method.name, message);
  const sent = Buffer.from(message).toString('latin1');
  if (answer.code !== 'OK') refusals.push({ method: method.name, what, sent, answer });
  return answer;
}

/** A connection to the internal listener of `server` with the certificate of `client`. */
function wireTo(server: TransportService, client: TransportService): GrpcWire {
  const key = `${client} to ${server}`;
  const wire = wires.get(key) ?? new GrpcWire({ port: internalPort(server), tls: tlsOf(client) });
  wires.set(key, wire);
  return wire;
}

function tlsOf(service: TransportService): { caPem: string; certPem: string; keyPem: string } {
  const file = (name: string): string => readFileSync(join(test.home.path, 'transport', name), 'utf8');
  return { caPem: file('ca.pem'), certPem: file(`${service}.pem`), keyPem: file(`${service}.key`) };
}

function internalPort(service: TransportService): number {
  const { ports } = test.platform;
  return {
    cert: ports['cert-internal'],
    signer: ports['signer-internal'],
    'task-scheduler': ports['task-internal'],
    audit: ports['audit-internal'],
  }[service];
}

/** Passwords and keys of the platform itself. */
function platformSecrets(): readonly string[] {
  const secrets: unknown = JSON.parse(readFileSync(join(test.home.path, 'secrets.json'), 'utf8'));
  const kek = readFileSync(join(test.home.path, 'key-encryption.key'), 'utf8').trim();
  return [...Object.values(secrets ?? {}).map(String), kek];
}

/** The tables once nothing moves: all events are in the log, and two looks in a row see the same. */
async function atRest(): Promise<Snapshot> {
  let last: Snapshot = new Map();
  return waitFor(
    async () => {
      const seen = await takeSnapshot(sql);
      const behind = await sql<{ count: string }[]>`
        select ((select count(*) from cert.outbox) + (select count(*) from signer.outbox) + (select count(*) from task.outbox)
          + (select count(*) from audit.outbox) - (select count(*) from audit.entries))::text as count`;
      const isSame =
        differences(last, seen).length === 0 && growth('audit.checkpoints', { before: last, after: seen }) === 0n;
      last = seen;
      if (!isSame || behind[0]?.count !== '0') return undefined;
      return seen;
    },
    { what: 'the tables to come to rest', timeoutMs: 30_000 },
  );
}

function summary(found: typeof refusals): string[] {
  return [...new Set(found.map(({ what, answer }) => `${what}: ${answer.code} ${answer.message}`))].toSorted();
}
