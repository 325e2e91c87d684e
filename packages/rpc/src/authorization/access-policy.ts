import { type DescMethod, getOption, hasOption, type Message, ScalarType } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { access, Listener } from '@cert-tasks/contracts/rpc/v1';
import { isServiceName, type ServiceName } from '../authentication/principal.ts';
import { CallError } from '../errors/call-error.ts';
import { isPermission, type Permission } from './roles.ts';

/** A listener of a service that speaks RPC. */
export type ListenerName = 'public' | 'internal';

/**
 * Vendored services whose contracts cannot carry our option. They tell what any caller may know, so they need no identity,
 * on every listener.
 */
const ANONYMOUS_SERVICES: ReadonlySet<string> = new Set([
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
]);

const ANONYMOUS_POLICY: AccessPolicy = {
  permission: undefined,
  projectOf: undefined,
  services: new Set(),
  listeners: new Set(['public', 'internal']),
  anonymous: true,
  longPoll: false,
};

/** The project part of a resource name: what project ids look like, or "-" for all of them. */
const PROJECT = /^(?:-|[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)$/;
const PROJECTS_PREFIX = 'projects/';

/** Who may call an RPC, compiled from its access option. */
export interface AccessPolicy {
  /** Undefined: no token grants it. */
  readonly permission: Permission | undefined;
  /**
   * Reads the project from a request. Undefined where the RPC names none.
   *
   * @throws CallError `invalid-request` when the field does not hold a resource name.
   */
  readonly projectOf: ((message: Message) => string) | undefined;
  readonly services: ReadonlySet<ServiceName>;
  readonly listeners: ReadonlySet<ListenerName>;
  readonly anonymous: boolean;
  readonly longPoll: boolean;
}

/**
 * Compiles an RPC's access option.
 *
 * @throws TypeError when the option is missing or contradicts itself: a service with such an RPC must not start.
 */
export function accessPolicy(method: DescMethod): AccessPolicy {
  const rpc = `${method.parent.typeName}/${method.name}`;
  if (!hasOption(method, access)) {
    if (ANONYMOUS_SERVICES.has(method.parent.typeName)) return ANONYMOUS_POLICY;
    throw new TypeError(`${rpc} has no certtasks.rpc.v1.access option. Say in its proto who may call it.`);
  }
  const option = getOption(method, access);
  const problem = (text: string): TypeError => new TypeError(`The access option of ${rpc} ${text}.`);

  if (option.anonymous) throw problem('is anonymous, which is for health and reflection only');
  const listeners = new Set(
    option.listeners.map((listener) => listenerName(listener) ?? fail(problem('names no listener'))),
  );
  if (listeners.size === 0) throw problem('names no listener');
  const services = new Set(
    option.services.map((name) => (isServiceName(name) ? name : fail(problem(`names an unknown service ${name}`)))),
  );
  const permission =
    option.permission === ''
      ? undefined
      : isPermission(option.permission)
        ? option.permission
        : fail(problem(`asks for the permission ${option.permission}, which no role grants`));
  if (permission === undefined && services.size === 0) throw problem('allows nobody');
  if (permission === undefined && listeners.has('public')) throw problem('is public but asks for no permission');
  if (option.resourceField !== '' && isClientStream(method))
    throw problem('has a resource field on a stream of requests');
  return {
    permission,
    projectOf: option.resourceField === '' ? undefined : projectReader(method, option.resourceField),
    services,
    listeners,
    anonymous: false,
    longPoll: option.longPoll,
  };
}

/** Whether the caller sends a stream of messages. */
export function isClientStream(method: DescMethod): boolean {
  return method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming';
}

function projectReader(method: DescMethod, fieldName: string): (message: Message) => string {
  const field = method.input.fields.find((candidate) => candidate.name === fieldName);
  if (field?.fieldKind !== 'scalar' || field.scalar !== ScalarType.STRING) {
    throw new TypeError(`${method.input.typeName} has no text field ${fieldName}, which an access option names.`);
  }
  return (message) => {
    const value: unknown = reflect(method.input, message).get(field);
    const project = typeof value === 'string' ? projectIn(value) : undefined;
    if (project === undefined) {
      const description = 'must be a resource name that begins with projects/{project}.';
      throw new CallError('invalid-request', `${fieldName} ${description}`, {
        violations: [{ field: fieldName, description }],
      });
    }
    return project;
  };
}

function projectIn(name: string): string | undefined {
  if (!name.startsWith(PROJECTS_PREFIX)) return undefined;
  const end = name.indexOf('/', PROJECTS_PREFIX.length);
  const project = name.slice(PROJECTS_PREFIX.length, end === -1 ? undefined : end);
  return project.length <= 63 && PROJECT.test(project) ? project : undefined;
}

function listenerName(listener: Listener): ListenerName | undefined {
  switch (listener) {
    case Listener.PUBLIC:
      return 'public';
    case Listener.INTERNAL:
      return 'internal';
    default:
      return undefined;
  }
}

function fail(error: Error): never {
  throw error;
}
