import type { Ports } from '../ports.ts';
import type { ServiceDatabase } from '../postgres/provision-database.ts';
import { TOKEN_AUDIENCE, TOKEN_ISSUER } from './token-issuer.ts';
import type { TransportFiles, TransportService } from './transport-pki.ts';

/** The settings' prefix, the ports' names and the schema of a service. */
const NAMES = {
  cert: { prefix: 'CERT', port: 'cert' },
  signer: { prefix: 'SIGNER', port: 'signer' },
  'task-scheduler': { prefix: 'TASK', port: 'task' },
  audit: { prefix: 'AUDIT', port: 'audit' },
} as const;

/** The port of a service's ops listener, by name. */
export function opsPortName(service: TransportService): 'cert-ops' | 'signer-ops' | 'task-ops' | 'audit-ops' {
  return `${NAMES[service].port}-ops`;
}

/** What the settings of one platform's services are made of. */
export interface SettingsParts {
  readonly ports: Ports;
  readonly transport: Readonly<Record<TransportService, TransportFiles>>;
  readonly databases: Readonly<Record<'cert' | 'signer' | 'task' | 'audit', ServiceDatabase>>;
  /** Undefined: the platform runs without NATS. */
  readonly nats: { readonly url: string; readonly passwords: Readonly<Record<string, string>> | undefined } | undefined;
  readonly jwksFile: string;
  /** File of the key-encryption key. */
  readonly kekFile: string;
  readonly logOrigin: string;
  readonly logLevel: string;
  readonly otlpEndpoint: string | undefined;
}

/** The environment of one service: what .env.example describes, with this platform's values. */
export function serviceSettings(service: TransportService, parts: SettingsParts): Record<string, string> {
  return { ...commonSettings(service, parts), ...ownSettings(service, parts) };
}

function commonSettings(service: TransportService, parts: SettingsParts): Record<string, string> {
  const { prefix, port } = NAMES[service];
  const { ports, transport, databases, nats } = parts;
  const password = nats?.passwords?.[port];
  const settings: Record<string, string> = {
    REPLICA: 'local',
    PUBLIC_PORT: String(ports[`${port}-public`]),
    INTERNAL_PORT: String(ports[`${port}-internal`]),
    OPS_PORT: String(ports[`${port}-ops`]),
    INTERNAL_TLS_CA_FILE: transport[service].caFile,
    INTERNAL_TLS_CERT_FILE: transport[service].certFile,
    INTERNAL_TLS_KEY_FILE: transport[service].keyFile,
    DATABASE_URL: databases[port].appUrl,
    DATABASE_OWNER_URL: databases[port].ownerUrl,
    TOKEN_ISSUER,
    TOKEN_AUDIENCE,
    TOKEN_JWKS: parts.jwksFile,
    LOG_LEVEL: parts.logLevel,
    ...(nats !== undefined && { NATS_URL: nats.url }),
    ...(password !== undefined && { NATS_USER: port, NATS_PASSWORD: password }),
    ...(parts.otlpEndpoint !== undefined && { OTLP_ENDPOINT: parts.otlpEndpoint }),
  };
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [`${prefix}_${name}`, value]));
}

function ownSettings(service: TransportService, parts: SettingsParts): Record<string, string> {
  const { ports } = parts;
  const internal = (port: 'cert' | 'signer' | 'task' | 'audit'): string => `127.0.0.1:${ports[`${port}-internal`]}`;
  switch (service) {
    case 'cert':
      return {
        CERT_PKI_PORT: String(ports['cert-pki']),
        CERT_PKI_BASE_URL: `http://127.0.0.1:${ports['cert-pki']}`,
        CERT_SIGNER_ADDRESS: internal('signer'),
        CERT_TASK_ADDRESS: internal('task'),
      };
    case 'signer':
      return { SIGNER_KEK_FILE: parts.kekFile };
    case 'task-scheduler':
      return {};
    case 'audit':
      return {
        AUDIT_LOG_ORIGIN: parts.logOrigin,
        AUDIT_SIGNER_ADDRESS: internal('signer'),
        AUDIT_CERT_ADDRESS: internal('cert'),
        AUDIT_TASK_ADDRESS: internal('task'),
      };
  }
}
