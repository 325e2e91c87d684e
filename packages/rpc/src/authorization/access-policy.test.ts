import { create, createFileRegistry, type DescMethod, type DescService, setExtension } from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_descriptor,
  MethodOptionsSchema,
} from '@bufbuild/protobuf/wkt';
import { AuditService } from '@cert-tasks/contracts/audit/v1';
import { AuthorityService, CertificateService } from '@cert-tasks/contracts/cert/v1';
import { EventFeedService } from '@cert-tasks/contracts/event/v1';
import { Health } from '@cert-tasks/contracts/grpc/health/v1';
import { ServerReflection, ServerReflectionV1Alpha } from '@cert-tasks/contracts/grpc/reflection';
import { AccessSchema, access, Listener } from '@cert-tasks/contracts/rpc/v1';
import { KeyService, SigningService } from '@cert-tasks/contracts/signer/v1';
import { LeaseTasksRequestSchema, ScheduleService, TaskService, WorkerService } from '@cert-tasks/contracts/task/v1';
import { describe, expect, it } from 'vitest';
import { accessPolicy } from './access-policy.ts';
import { authorize } from './authorize.ts';
import { PERMISSIONS } from './roles.ts';

const SERVICES: DescService[] = [
  AuditService,
  AuthorityService,
  CertificateService,
  EventFeedService,
  KeyService,
  SigningService,
  ScheduleService,
  TaskService,
  WorkerService,
];

type AccessInit = Parameters<typeof create<typeof AccessSchema>>[1];

/** An RPC made up here, with the given access option. */
function methodWith(
  option: AccessInit | undefined,
  { inputType = '.t.Request', clientStreaming = false } = {},
): DescMethod {
  const options = create(MethodOptionsSchema);
  if (option !== undefined) setExtension(options, access, create(AccessSchema, option));
  const file = create(FileDescriptorProtoSchema, {
    name: 't.proto',
    package: 't',
    syntax: 'proto3',
    dependency: ['google/protobuf/descriptor.proto'],
    messageType: [
      {
        name: 'Request',
        field: [
          { name: 'name', jsonName: 'name', number: 1, type: 9, label: 1 },
          { name: 'count', jsonName: 'count', number: 2, type: 5, label: 1 },
        ],
      },
    ],
    service: [{ name: 'S', method: [{ name: 'M', inputType, outputType: '.t.Request', options, clientStreaming }] }],
  });
  const set = create(FileDescriptorSetSchema, { file: [file_google_protobuf_descriptor.proto, file] });
  const method = createFileRegistry(set).getService('t.S')?.methods[0];
  if (method === undefined) throw new Error('The test file has no method.');
  return method;
}

const GOOD: AccessInit = { permission: 'tasks.read', resourceField: 'name', listeners: [Listener.PUBLIC] };

describe('the access options of the contracts', () => {
  const methods = SERVICES.flatMap((service) => service.methods);

  it.each(methods.map((method) => [`${method.parent.typeName}/${method.name}`, method] as const))(
    '%s has a sound one',
    (_name, method) => {
      const policy = accessPolicy(method);
      expect(policy.anonymous).toBe(false);
      expect(policy.listeners.size).toBeGreaterThan(0);
    },
  );

  it('use every permission of the table', () => {
    const used = new Set(methods.map((method) => accessPolicy(method).permission).filter((name) => name !== undefined));
    expect([...used].sort()).toEqual(Object.keys(PERMISSIONS).sort());
  });

  it('name the project on every public RPC', () => {
    for (const method of methods) {
      const policy = accessPolicy(method);
      if (policy.listeners.has('public')) expect(policy.projectOf, method.name).toBeDefined();
    }
  });

  it('are not needed for health and reflection, which anybody may ask', () => {
    for (const service of [Health, ServerReflection, ServerReflectionV1Alpha]) {
      for (const method of service.methods) expect(accessPolicy(method).anonymous).toBe(true);
    }
  });
});

describe('accessPolicy', () => {
  it('refuses an RPC without the option', () => {
    expect(() => accessPolicy(methodWith(undefined))).toThrow('t.S/M has no certtasks.rpc.v1.access option');
  });

  it.each<[string, AccessInit, string, { inputType?: string; clientStreaming?: boolean }?]>([
    ['names no listener', { ...GOOD, listeners: [] }, 'names no listener'],
    ['names an unspecified listener', { ...GOOD, listeners: [Listener.UNSPECIFIED] }, 'names no listener'],
    ['is anonymous', { ...GOOD, anonymous: true }, 'is anonymous'],
    ['asks for an unknown permission', { ...GOOD, permission: 'tasks.burn' }, 'tasks.burn'],
    ['asks for a permission of Object', { ...GOOD, permission: 'constructor' }, 'constructor'],
    ['names an unknown service', { ...GOOD, services: ['mallory'] }, 'mallory'],
    ['allows nobody', { listeners: [Listener.INTERNAL] }, 'allows nobody'],
    ['is public without a permission', { services: ['cert'], listeners: [Listener.PUBLIC] }, 'asks for no permission'],
    ['names a field that is not there', { ...GOOD, resourceField: 'parent' }, 'no text field parent'],
    ['names a field that is no text', { ...GOOD, resourceField: 'count' }, 'no text field count'],
    ['names a field of a stream', GOOD, 'stream of requests', { clientStreaming: true }],
  ])('refuses one that %s', (_what, option, problem, shape) => {
    expect(() => accessPolicy(methodWith(option, shape))).toThrow(problem);
  });

  const projectOf = (name: string): string | undefined =>
    accessPolicy(WorkerService.method.leaseTasks).projectOf?.(create(LeaseTasksRequestSchema, { parent: name }));

  it.each([
    ['projects/p1', 'p1'],
    ['projects/p1/tasks/x', 'p1'],
    ['projects/-', '-'],
    [`projects/${'a'.repeat(63)}`, 'a'.repeat(63)],
  ])('reads the project of %s', (name, project) => {
    expect(projectOf(name)).toBe(project);
  });

  it.each([
    '',
    'projects',
    'projects/',
    'projects//x',
    'project/p1',
    '/projects/p1',
    'projects/P1',
    'projects/*',
    'projects/-a',
    `projects/${'a'.repeat(64)}`,
    'projects/p1%2f..',
    'projects/a b',
  ])('refuses %j', (name) => {
    expect(() => projectOf(name)).toThrow(
      expect.objectContaining({ code: 'invalid-request', violations: [expect.objectContaining({ field: 'parent' })] }),
    );
  });
});

describe('authorize', () => {
  const policy = accessPolicy(WorkerService.method.leaseTasks);
  const user = (roles: Record<string, string[]>) =>
    ({
      kind: 'user',
      id: 'alice',
      roles: new Map(Object.entries(roles).map(([project, names]) => [project, new Set(names)])),
    }) as Parameters<typeof authorize>[0]['principal'];

  it('lets those pass who have the right there or everywhere, and services that are named', () => {
    authorize({ principal: user({ p1: ['operator'] }), policy, project: 'p1' });
    authorize({ principal: user({ '*': ['operator'] }), policy, project: 'p1' });
    authorize({ principal: { kind: 'service', id: 'cert' }, policy, project: 'p1' });
    authorize({ principal: { kind: 'service', id: 'cert' }, policy, project: '-' });
  });

  it.each<[string, Parameters<typeof authorize>[0]]>([
    ['nobody', { principal: { kind: 'anonymous' }, policy, project: 'p1' }],
    ['a service that is not named', { principal: { kind: 'service', id: 'audit' }, policy, project: 'p1' }],
    ['a role that does not grant it', { principal: user({ p1: ['viewer'] }), policy, project: 'p1' }],
    ['the role elsewhere', { principal: user({ p2: ['admin'] }), policy, project: 'p1' }],
    [
      'a person who asks for all projects',
      { principal: user({ '*': ['admin'], '-': ['admin'] }), policy, project: '-' },
    ],
    [
      'a role in one project for the whole platform',
      { principal: user({ p1: ['admin'] }), policy, project: undefined },
    ],
  ])('turns away %s', (_what, input) => {
    expect(() => authorize(input)).toThrow(expect.objectContaining({ code: 'permission-denied' }));
  });
});
