/**
 * What runs the platform on one machine for development, demonstration and tests: a real PostgreSQL, NATS with JetStream
 * and the services, each a process of its own. The program behind `npm start` puts these pieces together:
 *
 * ```ts
 * const home = await Home.open(homePath(process.env)); // one platform per folder
 * const ports = portsFromEnv(process.env);             // or freePorts() beside another platform
 * await checkPortsFree(ports);                         // before anything starts
 *
 * const database = new PostgresServer({
 *   directory: join(home.path, 'postgres'),
 *   port: ports.postgres,
 *   password: await home.secret('postgres-admin'),
 *   logFile: join(await home.directory('logs'), 'postgres.log'),
 *   notify,
 * });
 * await database.start();
 * const databases = await provisionDatabase({ adminUrl: database.adminUrl, database: 'cert_tasks', passwords });
 *
 * const found = await findNats({ env: process.env, cacheDirectory, notify });
 * const nats = new NatsServer({ executable, directory, port: ports.nats, passwords, logFile });
 * const cert = new ServiceProcess({ name: 'cert', entry, env, opsPort: ports['cert-ops'], logFile });
 * ```
 *
 * Every class has `start` and `stop`, both idempotent; a start that fails leaves nothing running. Members are stopped in
 * the reverse order of their start: services, NATS, PostgreSQL, then `home.close()`.
 *
 * Nothing outlives this process, however it ends: every child runs under a guard (processes/guard.sh) that holds a pipe to
 * this process. The guard is in a session of its own, so that a Ctrl-C reaches this process alone. Should a guard and this
 * process be killed together, the next start finds what they left on the same folder and stops it first.
 *
 * bin/launch.mjs starts the root scripts on any Node from 18 on with the same guard.
 */
export { Home, homePath, writeFileAtomic } from './home.ts';
export { type FoundNats, findNats, type NatsSource, userCacheDirectory } from './nats/find-nats-server.ts';
export { NATS_USERS, type NatsUser, streamName } from './nats/nats-config.ts';
export { NatsServer, type NatsServerOptions } from './nats/nats-server.ts';
export { type FirstRun, firstRun, makeRequest } from './platform/first-run.ts';
export { Platform, type PlatformOptions } from './platform/platform.ts';
export {
  type PlatformDescription,
  readPlatformFile,
  removePlatformFile,
  writePlatformFile,
} from './platform/platform-file.ts';
export { TOKEN_AUDIENCE, TOKEN_ISSUER, type TokenClaims, TokenIssuer } from './platform/token-issuer.ts';
export { prepareTransportPki, type TransportFiles, type TransportService } from './platform/transport-pki.ts';
export {
  checkPortsFree,
  freePort,
  freePorts,
  PORT_NAMES,
  type PortName,
  type Ports,
  portsFromEnv,
  portVariable,
} from './ports.ts';
export { PostgresServer, type PostgresServerOptions, startEphemeralPostgres } from './postgres/postgres-server.ts';
export {
  DATABASE_SERVICES,
  type DatabaseService,
  type ProvisionOptions,
  provisionDatabase,
  type RolePasswords,
  type ServiceDatabase,
  serviceDatabases,
} from './postgres/provision-database.ts';
export { describeExit, type ProcessExit } from './processes/guarded-process.ts';
export { LogFile, type LogFileOptions } from './processes/log-file.ts';
export { ServiceProcess, type ServiceProcessOptions } from './processes/service-process.ts';
export { StackError, type StackErrorCode } from './stack-error.ts';
