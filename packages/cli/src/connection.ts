import type { DescService } from '@bufbuild/protobuf';
import { type ConnectClient, createConnectClient } from '@cert-tasks/rpc';
import { homePath, type PlatformDescription, readPlatformFile } from '@cert-tasks/stack';
import { CliError } from './cli-error.ts';
import { readText } from './read-text.ts';

/** Options that every command which talks to a service has. */
export interface ConnectionOptions {
  readonly project?: string;
  readonly token?: string;
  readonly certUrl?: string;
  readonly taskUrl?: string;
  readonly auditUrl?: string;
  readonly ca?: string;
}

const DEADLINE_MS = 20_000;

/** Where the services are and who asks: from options, the environment, or the platform that runs in CERT_TASKS_HOME, in this order. */
export class Connection {
  readonly project: string;
  readonly #options: ConnectionOptions;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #platform: PlatformDescription | undefined;

  private constructor(parts: {
    options: ConnectionOptions;
    env: Readonly<Record<string, string | undefined>>;
    platform: PlatformDescription | undefined;
  }) {
    this.#options = parts.options;
    this.#env = parts.env;
    this.#platform = parts.platform;
    this.project = parts.options.project ?? parts.env['CERT_TASKS_PROJECT'] ?? parts.platform?.project ?? 'default';
  }

  /** @throws StackError where the running platform's description is damaged. */
  static async open(
    options: ConnectionOptions,
    env: Readonly<Record<string, string | undefined>>,
  ): Promise<Connection> {
    return new Connection({ options, env, platform: await readPlatformFile(homePath(env)) });
  }

  /** Calls a service and closes the connection afterwards. @throws CliError 'no-platform', 'no-token', 'file-unusable'; RpcError. */
  async call<S extends DescService, T>(
    service: 'cert' | 'task' | 'audit',
    desc: S,
    run: (client: ConnectClient<S>) => Promise<T>,
  ): Promise<T> {
    const { ca } = this.#options;
    const client = createConnectClient(desc, {
      baseUrl: this.#url(service),
      token: this.#token(),
      defaultDeadlineMs: DEADLINE_MS,
      ...(ca !== undefined && { caPem: readText(ca) }),
    });
    try {
      return await run(client);
    } finally {
      client.close();
    }
  }

  /** The full name of a resource given as an id or as a whole name. */
  resource(collection: string, idOrName: string): string {
    return idOrName.startsWith('projects/') ? idOrName : `projects/${this.project}/${collection}/${idOrName}`;
  }

  #url(service: 'cert' | 'task' | 'audit'): string {
    const option = { cert: this.#options.certUrl, task: this.#options.taskUrl, audit: this.#options.auditUrl }[service];
    const variable = `CERT_TASKS_${service.toUpperCase()}_URL`;
    const url = option ?? this.#env[variable] ?? this.#platform?.services[service];
    if (url !== undefined) return url;
    throw new CliError(
      'no-platform',
      `No platform runs in ${homePath(this.#env)}. Run npm start, or give --${service}-url or ${variable}.`,
    );
  }

  #token(): string {
    const given = this.#options.token ?? this.#env['CERT_TASKS_TOKEN'];
    if (given !== undefined) return given;
    if (this.#platform !== undefined) return readText(this.#platform.tokenFile).trim();
    throw new CliError('no-token', 'There is no token. Set CERT_TASKS_TOKEN, or give --token.');
  }
}
