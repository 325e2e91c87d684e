import { connect, createServer } from 'node:net';
import { StackError } from './stack-error.ts';

const LOOPBACK = '127.0.0.1';
/** First port of the range; the platform uses 7440 to 7455. */
const DEFAULT_BASE = 7440;
const BASE_VARIABLE = 'CERT_TASKS_PORT_BASE';
const HIGHEST_PORT = 65_535;
/** A connection on loopback is accepted or refused at once; a full backlog counts as in use. */
const CONNECT_TIMEOUT_MS = 500;

/**
 * The ports of the development platform, all on 127.0.0.1. The usual ports of PostgreSQL and NATS are left alone.
 *
 * | port | what                 | moved by                         |
 * | ---- | -------------------- | -------------------------------- |
 * | 7440 | PostgreSQL           | CERT_TASKS_PORT_POSTGRES         |
 * | 7441 | NATS                 | CERT_TASKS_PORT_NATS             |
 * | 7442 | PKI (CRL, OCSP, AIA) | CERT_TASKS_PORT_CERT_PKI         |
 * | 7443 | cert, public         | CERT_TASKS_PORT_CERT_PUBLIC      |
 * | 7444 | signer, public       | CERT_TASKS_PORT_SIGNER_PUBLIC    |
 * | 7445 | task, public         | CERT_TASKS_PORT_TASK_PUBLIC      |
 * | 7446 | audit, public        | CERT_TASKS_PORT_AUDIT_PUBLIC     |
 * | 7447 | token issuer (JWKS)  | CERT_TASKS_PORT_ISSUER           |
 * | 7448 | cert, internal       | CERT_TASKS_PORT_CERT_INTERNAL    |
 * | 7449 | signer, internal     | CERT_TASKS_PORT_SIGNER_INTERNAL  |
 * | 7450 | task, internal       | CERT_TASKS_PORT_TASK_INTERNAL    |
 * | 7451 | audit, internal      | CERT_TASKS_PORT_AUDIT_INTERNAL   |
 * | 7452 | cert, ops            | CERT_TASKS_PORT_CERT_OPS         |
 * | 7453 | signer, ops          | CERT_TASKS_PORT_SIGNER_OPS       |
 * | 7454 | task, ops            | CERT_TASKS_PORT_TASK_OPS         |
 * | 7455 | audit, ops           | CERT_TASKS_PORT_AUDIT_OPS        |
 *
 * CERT_TASKS_PORT_BASE moves the whole range; a variable of its own wins over it.
 */
const PORT_TABLE = {
  postgres: { offset: 0, what: 'PostgreSQL' },
  nats: { offset: 1, what: 'NATS' },
  'cert-pki': { offset: 2, what: 'cert, PKI' },
  'cert-public': { offset: 3, what: 'cert, public' },
  'signer-public': { offset: 4, what: 'signer, public' },
  'task-public': { offset: 5, what: 'task, public' },
  'audit-public': { offset: 6, what: 'audit, public' },
  issuer: { offset: 7, what: 'token issuer' },
  'cert-internal': { offset: 8, what: 'cert, internal' },
  'signer-internal': { offset: 9, what: 'signer, internal' },
  'task-internal': { offset: 10, what: 'task, internal' },
  'audit-internal': { offset: 11, what: 'audit, internal' },
  'cert-ops': { offset: 12, what: 'cert, ops' },
  'signer-ops': { offset: 13, what: 'signer, ops' },
  'task-ops': { offset: 14, what: 'task, ops' },
  'audit-ops': { offset: 15, what: 'audit, ops' },
} as const;

/** Name of a port of the platform. */
export type PortName = keyof typeof PORT_TABLE;

/** A port for each name. */
export type Ports = Readonly<Record<PortName, number>>;

/** The names in order of their ports. */
export const PORT_NAMES: readonly PortName[] = Object.keys(PORT_TABLE) as PortName[];

/** The environment variable that moves a port. */
export function portVariable(name: PortName): string {
  return `CERT_TASKS_PORT_${name.toUpperCase().replaceAll('-', '_')}`;
}

/**
 * The ports that the environment asks for, defaults elsewhere.
 *
 * @throws StackError 'invalid-port' naming every variable that holds no port, and every two that hold the same.
 */
export function portsFromEnv(env: Readonly<Record<string, string | undefined>>): Ports {
  const problems: string[] = [];
  const base = readPort({ env, variable: BASE_VARIABLE, fallback: DEFAULT_BASE, problems });
  if (base + PORT_NAMES.length - 1 > HIGHEST_PORT) {
    problems.push(
      `${BASE_VARIABLE} leaves no room for ${PORT_NAMES.length} ports (at most ${HIGHEST_PORT - PORT_NAMES.length + 1})`,
    );
  }
  const ports = portRecord((name) =>
    readPort({ env, variable: portVariable(name), fallback: base + PORT_TABLE[name].offset, problems }),
  );
  const owners = new Map<number, PortName>();
  for (const name of PORT_NAMES) {
    const other = owners.get(ports[name]);
    if (other !== undefined) problems.push(`${portVariable(other)} and ${portVariable(name)} are both ${ports[name]}`);
    owners.set(ports[name], name);
  }
  if (problems.length > 0) throw new StackError('invalid-port', `${problems.join('; ')}.`);
  return ports;
}

/**
 * Free ports chosen by the system, all different, for a platform beside another one. They are free now; who takes one in
 * the meantime makes the start fail.
 */
export async function freePorts(): Promise<Ports> {
  const servers = await Promise.all(PORT_NAMES.map(() => listen(0)));
  const numbers = servers.map((server) => server.port);
  await Promise.all(servers.map((server) => server.close()));
  return portRecord((name) => numbers[PORT_TABLE[name].offset] ?? 0);
}

/** One free port of 127.0.0.1 chosen by the system. */
export async function freePort(): Promise<number> {
  const server = await listen(0);
  await server.close();
  return server.port;
}

/**
 * Checks that nobody listens on the ports.
 *
 * @throws StackError 'port-in-use' in one line that names each such port and its variable.
 */
export async function checkPortsFree(ports: Readonly<Partial<Record<PortName, number>>>): Promise<void> {
  const wanted = PORT_NAMES.flatMap((name) => {
    const port = ports[name];
    return port === undefined ? [] : [{ name, port }];
  });
  const states = await Promise.all(wanted.map(async (entry) => ({ ...entry, free: await isFree(entry.port) })));
  const taken = states.filter((entry) => !entry.free);
  if (taken.length === 0) return;
  const list = taken.map(
    ({ name, port }) => `${port} (${PORT_TABLE[name].what}; set ${portVariable(name)} to another)`,
  );
  const subject = taken.length === 1 ? 'Port' : 'Ports';
  const verb = taken.length === 1 ? 'is' : 'are';
  throw new StackError(
    'port-in-use',
    `${subject} ${list.join(', ')} ${verb} in use by another process. Stop it, or move the whole range with ${BASE_VARIABLE}.`,
  );
}

/**
 * Listening alone is not enough: some systems let a process listen on 127.0.0.1 beside another that listens on all
 * addresses, and connections would then go to either.
 */
async function isFree(port: number): Promise<boolean> {
  if (await accepts(port)) return false;
  try {
    const server = await listen(port);
    await server.close();
    return true;
  } catch {
    return false;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: LOOPBACK, port, timeout: CONNECT_TIMEOUT_MS });
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => finish(true));
    socket.once('timeout', () => finish(true));
    socket.once('error', () => finish(false));
  });
}

function listen(port: number): Promise<{ port: number; close(): Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      resolve({ port: bound, close: () => new Promise((done) => server.close(() => done())) });
    });
  });
}

function readPort(options: {
  env: Readonly<Record<string, string | undefined>>;
  variable: string;
  fallback: number;
  problems: string[];
}): number {
  const text = options.env[options.variable];
  if (text === undefined || text === '') return options.fallback;
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= HIGHEST_PORT) return port;
  options.problems.push(
    `${options.variable} must be a port from 1 to ${HIGHEST_PORT}, not ${JSON.stringify(text.slice(0, 40))}`,
  );
  return options.fallback;
}

function portRecord(portOf: (name: PortName) => number): Ports {
  return Object.freeze(Object.fromEntries(PORT_NAMES.map((name) => [name, portOf(name)])) as Record<PortName, number>);
}
