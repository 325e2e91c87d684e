import { randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Service } from '@cert-tasks/lifecycle';
import { type Home, writeFileAtomic } from '../home.ts';
import { findNats, userCacheDirectory } from '../nats/find-nats-server.ts';
import { NATS_USERS, type NatsUser } from '../nats/nats-config.ts';
import { NatsServer } from '../nats/nats-server.ts';
import type { Ports } from '../ports.ts';
import { PostgresServer } from '../postgres/postgres-server.ts';
import {
  DATABASE_SERVICES,
  type DatabaseService,
  provisionDatabase,
  type RolePasswords,
  type ServiceDatabase,
} from '../postgres/provision-database.ts';
import { ServiceProcess } from '../processes/service-process.ts';
import type { PlatformDescription } from './platform-file.ts';
import { opsPortName, type SettingsParts, serviceSettings } from './service-settings.ts';
import { TokenIssuer } from './token-issuer.ts';
import {
  prepareTransportPki,
  TRANSPORT_SERVICES,
  type TransportFiles,
  type TransportService,
} from './transport-pki.ts';

const REPOSITORY = resolve(fileURLToPath(new URL('../../../..', import.meta.url)));
/** Services start a quarter of a second sooner when Node.js finds its own compiled code again. */
const COMPILE_CACHE = join(REPOSITORY, 'node_modules', '.cache', 'cert-tasks-node');
const DATABASE = 'cert_tasks';
const LOG_ORIGIN = 'cert-tasks-development/audit';
const KEK_BYTES = 32;

/** What a {@link Platform} is made with. */
export interface PlatformOptions {
  readonly home: Home;
  readonly ports: Ports;
  /** DATABASE_URL replaces the PostgreSQL that would be started, NATS_URL the NATS; PATH and HOME say where to look for programs. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Receives a line for what takes long or is not as one would expect. */
  readonly notify: (line: string) => void;
  /** False: no NATS is started and none is used. Default true. */
  readonly withNats?: boolean;
  /** Further settings of single services, as fault tests have them. */
  readonly extraSettings?: Partial<Readonly<Record<TransportService, Readonly<Record<string, string>>>>>;
}

/**
 * The whole platform on one machine: PostgreSQL, NATS and the four services, each a process of its own. Data, keys and logs are in its home
 * folder; a later start on the same folder finds them again.
 *
 * Nothing outlives this process, however it ends (processes/guard.sh).
 */
export class Platform implements Service {
  readonly name = 'platform';
  readonly #options: PlatformOptions;
  #parts: StartedParts | undefined;

  constructor(options: PlatformOptions) {
    this.#options = options;
  }

  /** Mints development tokens. @throws Error before start. */
  get issuer(): TokenIssuer {
    return this.#started().issuer;
  }

  /** The database's URLs, with their passwords. @throws Error before start. */
  get databases(): Readonly<Record<DatabaseService, ServiceDatabase>> {
    return this.#started().databases;
  }

  /** The platform's database under its administrator's role, who sees all four schemas. @throws Error before start. */
  get databaseUrl(): string {
    const url = new URL(this.#started().adminUrl);
    url.pathname = `/${DATABASE}`;
    return url.href;
  }

  /** Where everything listens, on 127.0.0.1. */
  get ports(): Ports {
    return this.#options.ports;
  }

  /** The public listeners' URLs, and that of CRLs and issuer certificates. */
  get urls(): PlatformDescription['services'] & { readonly pki: string } {
    const { ports } = this.#options;
    const url = (port: number): string => `http://127.0.0.1:${port}`;
    return {
      cert: url(ports['cert-public']),
      signer: url(ports['signer-public']),
      task: url(ports['task-public']),
      audit: url(ports['audit-public']),
      pki: url(ports['cert-pki']),
    };
  }

  /** One service's process. @throws Error before start. */
  service(name: TransportService): ServiceProcess {
    return this.#started().services[name];
  }

  /**
   * Starts a service again with further settings, as fault tests do: a failpoint, say. The one that runs is stopped first.
   *
   * @throws StackError 'start-failed'.
   */
  async restart(name: TransportService, extraSettings: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
    const parts = this.#started();
    await parts.services[name].stop();
    const service = this.#service(name, { parts, extraSettings });
    this.#parts = { ...parts, services: { ...parts.services, [name]: service } };
    await service.start();
    return service;
  }

  /** Undefined where NATS is not run by this platform. @throws Error before start. */
  get nats(): NatsServer | undefined {
    return this.#started().nats;
  }

  /** Undefined where PostgreSQL is not run by this platform. @throws Error before start. */
  get postgres(): PostgresServer | undefined {
    return this.#started().postgres;
  }

  /** Resolves with a line when one of its processes has ended that nobody stopped. @throws Error before start. */
  get broken(): Promise<string> {
    const { services, postgres, nats } = this.#started();
    const processes = [
      ...Object.values(services),
      ...(postgres === undefined ? [] : [postgres]),
      ...(nats === undefined ? [] : [nats]),
    ];
    return Promise.race(
      processes.map(async (process) => {
        await process.exited;
        return `${process.name} has ended; its log is in ${join(this.#options.home.path, 'logs')}`;
      }),
    );
  }

  /** @throws StackError in one line; nothing is left running then. */
  async start(): Promise<void> {
    if (this.#parts !== undefined) return;
    const foundation = await this.#prepare();
    try {
      // 1. What the services stand on. Neither needs the other.
      await Promise.all([foundation.postgres?.start(), foundation.nats?.start()]);

      // 2. Roles and schemas; each service migrates its own at its start.
      const adminUrl = foundation.externalDatabase ?? foundation.postgres?.adminUrl ?? '';
      const passwords = await this.#rolePasswords();
      const databases = await provisionDatabase({ adminUrl, database: DATABASE, passwords });

      // 3. The services: none needs another to start.
      const services = this.#services({ ...foundation, databases });
      this.#parts = { ...foundation, adminUrl, databases, services };
      const starts = await Promise.allSettled(Object.values(services).map((service) => service.start()));
      for (const result of starts) if (result.status === 'rejected') throw result.reason;
    } catch (error) {
      // Whatever stopping says, the first failure is what a person needs.
      await this.#stopAll({ ...foundation, ...this.#parts }).catch(() => undefined);
      this.#parts = undefined;
      throw error;
    }
  }

  /** Services first, then NATS and PostgreSQL. Idempotent. */
  async stop(): Promise<void> {
    const parts = this.#parts;
    this.#parts = undefined;
    if (parts !== undefined) await this.#stopAll(parts);
  }

  /** What needs no running process: programs found, keys and certificates made, settings known. */
  async #prepare(): Promise<Foundation> {
    const { home, ports, env, notify, withNats = true } = this.#options;
    const logs = await home.directory('logs');
    const externalDatabase =
      env['DATABASE_URL'] === undefined || env['DATABASE_URL'] === '' ? undefined : env['DATABASE_URL'];
    const postgres =
      externalDatabase === undefined
        ? new PostgresServer({
            directory: await home.directory('postgres'),
            port: ports.postgres,
            password: await home.secret('postgres-admin'),
            logFile: join(logs, 'postgres.log'),
            notify,
          })
        : undefined;
    const { nats, natsAccess } = withNats ? await this.#prepareNats(logs) : { nats: undefined, natsAccess: undefined };
    return {
      externalDatabase,
      postgres,
      nats,
      natsAccess,
      logs,
      issuer: await TokenIssuer.open(await home.directory('tokens')),
      transport: await prepareTransportPki({ directory: await home.directory('transport'), now: new Date() }),
      kekFile: await prepareKek(join(home.path, 'key-encryption.key')),
    };
  }

  async #prepareNats(logs: string): Promise<{ nats: NatsServer | undefined; natsAccess: SettingsParts['nats'] }> {
    const { home, ports, env, notify } = this.#options;
    const cacheDirectory = userCacheDirectory(env) ?? (await home.directory('cache'));
    const found = await findNats({ env, cacheDirectory, notify });
    if (found.kind === 'running') return { nats: undefined, natsAccess: { url: found.url, passwords: undefined } };
    const secrets = await Promise.all(
      NATS_USERS.map(async (user) => [user, await home.secret(`nats-${user}`)] as const),
    );
    // Every user is named in the list that the entries come from.
    const passwords = Object.fromEntries(secrets) as Record<NatsUser, string>;
    const nats = new NatsServer({
      executable: found.executable,
      directory: await home.directory('nats'),
      port: ports.nats,
      passwords,
      logFile: join(logs, 'nats.log'),
    });
    return { nats, natsAccess: { url: `nats://127.0.0.1:${ports.nats}`, passwords } };
  }

  async #rolePasswords(): Promise<Record<DatabaseService, RolePasswords>> {
    const { home } = this.#options;
    const entries: [DatabaseService, RolePasswords][] = [];
    for (const service of DATABASE_SERVICES) {
      const owner = await home.secret(`postgres-${service}-owner`);
      entries.push([service, { owner, app: await home.secret(`postgres-${service}-app`) }]);
    }
    // Every service is named in the list that the entries come from.
    return Object.fromEntries(entries) as Record<DatabaseService, RolePasswords>;
  }

  #services(parts: Foundation & { databases: SettingsParts['databases'] }): Record<TransportService, ServiceProcess> {
    const services = TRANSPORT_SERVICES.map(
      (name) => [name, this.#service(name, { parts, extraSettings: {} })] as const,
    );
    // Every service is named in the list that the entries come from.
    return Object.fromEntries(services) as Record<TransportService, ServiceProcess>;
  }

  #service(
    name: TransportService,
    input: {
      parts: Foundation & { databases: SettingsParts['databases'] };
      extraSettings: Readonly<Record<string, string>>;
    },
  ): ServiceProcess {
    const { ports, env, extraSettings = {} } = this.#options;
    const { parts } = input;
    const settings = serviceSettings(name, {
      ...parts,
      ports,
      nats: parts.natsAccess,
      jwksFile: parts.issuer.jwksFile,
      logOrigin: LOG_ORIGIN,
      logLevel: env['CERT_TASKS_LOG_LEVEL'] ?? 'info',
      otlpEndpoint: env['OTEL_EXPORTER_OTLP_ENDPOINT'],
    });
    return new ServiceProcess({
      name,
      entry: join(REPOSITORY, 'services', name, 'src', 'server.ts'),
      env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...settings, ...extraSettings[name], ...input.extraSettings },
      opsPort: ports[opsPortName(name)],
      logFile: join(parts.logs, `${name}.log`),
    });
  }

  async #stopAll(
    parts: Pick<Foundation, 'postgres' | 'nats'> & { services?: StartedParts['services'] },
  ): Promise<void> {
    const stops = await Promise.allSettled(Object.values(parts.services ?? {}).map((service) => service.stop()));
    stops.push(...(await Promise.allSettled([parts.nats?.stop()])));
    stops.push(...(await Promise.allSettled([parts.postgres?.stop()])));
    for (const stop of stops) if (stop.status === 'rejected') throw stop.reason;
  }

  #started(): StartedParts {
    if (this.#parts === undefined) throw new Error('The platform is not started.');
    return this.#parts;
  }
}

/** What stands before anything runs. */
interface Foundation {
  readonly externalDatabase: string | undefined;
  readonly postgres: PostgresServer | undefined;
  readonly nats: NatsServer | undefined;
  readonly natsAccess: SettingsParts['nats'];
  readonly logs: string;
  readonly issuer: TokenIssuer;
  readonly transport: Readonly<Record<TransportService, TransportFiles>>;
  readonly kekFile: string;
}

interface StartedParts extends Foundation {
  readonly adminUrl: string;
  readonly databases: Readonly<Record<DatabaseService, ServiceDatabase>>;
  readonly services: Readonly<Record<TransportService, ServiceProcess>>;
}

/** The key-encryption key: 256 random bits, base64, mode 0600. Without it no key in the database opens. */
async function prepareKek(path: string): Promise<string> {
  try {
    await access(path);
  } catch {
    await writeFileAtomic({ path, content: `${randomBytes(KEK_BYTES).toString('base64')}\n`, mode: 0o600 });
  }
  return path;
}
