import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { EnvReader, Secret } from '@cert-tasks/config';
import { LOG_LEVELS, type LogLevel } from '@cert-tasks/telemetry';

/** The services of the platform, as principals, event sources and client certificates name them. */
export type ServiceName = 'cert' | 'signer' | 'task-scheduler' | 'audit';

/** Where a listener binds. */
export interface ListenerAddress {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
}

/** The settings that every service has (docs/adr/0007). */
export interface HostConfig {
  readonly service: ServiceName;
  /** Names this process among its replicas. One that comes back under its name takes its leases up at once; otherwise they run out first. */
  readonly replica: string;
  readonly publicListener: ListenerAddress & {
    readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
    /** True: plain text off loopback, because TLS ends at a proxy in front. */
    readonly tlsEndsUpstream: boolean;
  };
  readonly internalListener: ListenerAddress & { readonly tls: TransportFiles };
  readonly opsListener: ListenerAddress;
  readonly database: {
    /** The runtime role's. */
    readonly url: Secret;
    /** The owner role's; where set, the service migrates its schema at start. */
    readonly ownerUrl: Secret | undefined;
    readonly poolSize: number;
  };
  readonly nats:
    | {
        readonly url: string;
        readonly user: string | undefined;
        readonly password: Secret | undefined;
        readonly replicas: number;
      }
    | undefined;
  readonly tokens: { readonly issuer: string; readonly audience: string; readonly jwks: string };
  readonly logLevel: LogLevel;
  readonly otlpEndpoint: string | undefined;
}

/** PEM files of the transport CA and of the service's own certificate and key. */
export interface TransportFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** How a service's variables begin. */
export type SettingsPrefix = 'CERT' | 'SIGNER' | 'TASK' | 'AUDIT';

/** Reads the settings that every service has; each is named `<prefix>_...` and described in .env.example. Problems are the reader's to report. */
export function readHostConfig(
  reader: EnvReader,
  { service, prefix }: { service: ServiceName; prefix: SettingsPrefix },
): HostConfig {
  const name = (suffix: string): string => `${prefix}_${suffix}`;
  const file = (suffix: string, description: string): string => reader.string(name(suffix), { description });
  const listener = (which: string, description: string): ListenerAddress => ({
    host: reader.string(name(`${which}_HOST`), {
      default: '127.0.0.1',
      description: `Address that ${description} binds to.`,
    }),
    port: reader.port(name(`${which}_PORT`), { description: `Port of ${description}.` }),
  });
  return {
    service,
    replica: reader.string(name('REPLICA'), {
      default: `${hostname()}-${randomUUID()}`,
      pattern: { regExp: /[A-Za-z0-9._-]{1,128}/, meaning: '1 to 128 letters, digits, dots, underscores and hyphens' },
      description:
        'Name of this process among its replicas, different in each; a stable one makes it take up its leases at once after a crash.',
    }),
    publicListener: {
      ...listener('PUBLIC', 'the public listener (gRPC, gRPC-Web, Connect)'),
      ...readPublicTls(reader, name),
      tlsEndsUpstream: reader.boolean(name('PUBLIC_TLS_ENDS_UPSTREAM'), {
        default: false,
        description: 'Whether the public listener may speak plain text off loopback, because TLS ends at a proxy.',
      }),
    },
    internalListener: {
      ...listener('INTERNAL', 'the internal listener (mutual TLS)'),
      tls: {
        caFile: file('INTERNAL_TLS_CA_FILE', 'PEM file of the transport CA.'),
        certFile: file('INTERNAL_TLS_CERT_FILE', "PEM file of this service's transport certificate."),
        keyFile: file('INTERNAL_TLS_KEY_FILE', "PEM file of this service's transport key."),
      },
    },
    opsListener: listener('OPS', 'the ops listener (health, readiness, metrics)'),
    database: {
      url: reader.secret(name('DATABASE_URL'), { description: "PostgreSQL URL with the service's runtime role." }),
      ownerUrl: reader.optionalSecret(name('DATABASE_OWNER_URL'), {
        description: "PostgreSQL URL with the service's owner role; where set, the schema is migrated at start.",
      }),
      poolSize: reader.integer(name('DATABASE_POOL_SIZE'), {
        default: 10,
        min: 2,
        max: 200,
        description: 'Most database connections.',
      }),
    },
    nats: readNats(reader, name),
    tokens: {
      issuer: reader.string(name('TOKEN_ISSUER'), { description: 'The iss claim of tokens that are accepted.' }),
      audience: reader.string(name('TOKEN_AUDIENCE'), {
        default: 'cert-tasks',
        description: 'The aud claim of tokens that are accepted.',
      }),
      jwks: reader.string(name('TOKEN_JWKS'), { description: 'File or URL of the key set that signs tokens.' }),
    },
    logLevel: reader.oneOf(name('LOG_LEVEL'), {
      values: LOG_LEVELS,
      default: 'info',
      description: 'Lines below this level are not logged.',
    }),
    otlpEndpoint: reader
      .optionalUrl(name('OTLP_ENDPOINT'), {
        protocols: ['http:', 'https:'],
        description: 'OTLP/HTTP collector that traces are sent to.',
      })
      ?.toString(),
  };
}

function readPublicTls(reader: EnvReader, name: (suffix: string) => string): Pick<HostConfig['publicListener'], 'tls'> {
  const certFile = reader.optionalString(name('PUBLIC_TLS_CERT_FILE'), {
    description: 'PEM file of the public certificate chain.',
  });
  if (certFile === undefined) {
    // Read all the same, so that a key without a certificate is no unknown variable but a half-set pair, which the listener refuses off loopback.
    reader.optionalString(name('PUBLIC_TLS_KEY_FILE'), { description: 'PEM file of the public key.' });
    return { tls: undefined };
  }
  return {
    tls: {
      certFile,
      keyFile: reader.string(name('PUBLIC_TLS_KEY_FILE'), { description: 'PEM file of the public key.' }),
    },
  };
}

function readNats(reader: EnvReader, name: (suffix: string) => string): HostConfig['nats'] {
  const url = reader.optionalUrl(name('NATS_URL'), {
    protocols: ['nats:', 'tls:'],
    description: 'NATS server; without one, all goes by polling.',
  });
  const user = reader.optionalString(name('NATS_USER'), { description: 'NATS user of this service.' });
  const password = reader.optionalSecret(name('NATS_PASSWORD'), { description: "The NATS user's password." });
  const replicas = reader.integer(name('NATS_REPLICAS'), {
    default: 1,
    min: 1,
    max: 5,
    description: "Replicas of this service's stream: 1 in development, 3 in production.",
  });
  return url === undefined ? undefined : { url: url.toString(), user, password, replicas };
}
