import { EnvReader } from '@cert-tasks/config';
import { type HostConfig, type ListenerAddress, readHostConfig } from '@cert-tasks/host';

/** The settings of the cert service. Times are milliseconds. */
export interface CertConfig extends HostConfig {
  readonly pkiListener: ListenerAddress;
  /** The http URL under which the pki listener is reached from outside, without a slash at its end. */
  readonly pkiBaseUrl: string;
  /** `host:port` of signer's internal listener. */
  readonly signerAddress: string;
  /** `host:port` of task-scheduler's internal listener. */
  readonly taskSchedulerAddress: string;
  /** After how long an open intent is taken for abandoned. */
  readonly recoveryAfterMs: number;
  /** How often due renewals are looked for. */
  readonly renewalScanIntervalMs: number;
  /** Renewal tasks that one process works on at a time. */
  readonly renewalConcurrency: number;
  /** How long a renewal task stays with a worker that has died, in milliseconds. */
  readonly renewalLeaseMs: number;
  /** From a CRL's publication to its nextUpdate; a new one comes after a quarter of it. */
  readonly crlValidityMs: number;
}

const ADDRESS = { regExp: /^[^\s/]+:[0-9]{1,5}$|^dns:\/\/\/[^\s/]+:[0-9]{1,5}$/, meaning: 'host:port' };

/**
 * Reads the settings from the environment.
 * @throws ConfigError with every problem at once.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): CertConfig {
  const reader = new EnvReader(env, { prefix: 'CERT_' });
  const host = readHostConfig(reader, { service: 'cert', prefix: 'CERT' });
  const config: CertConfig = {
    ...host,
    pkiListener: {
      host: reader.string('CERT_PKI_HOST', {
        default: '127.0.0.1',
        description: 'Address that the pki listener (CRLs, issuer certificates) binds to.',
      }),
      port: reader.port('CERT_PKI_PORT', { description: 'Port of the pki listener.' }),
    },
    pkiBaseUrl: reader.string('CERT_PKI_BASE_URL', {
      pattern: {
        regExp: /^http:\/\/(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:\/[A-Za-z0-9._~-]+)*$/,
        meaning: 'an http URL without a slash at its end',
      },
      description:
        'URL of the pki listener as relying parties reach it; it stands in every certificate of new authorities.',
    }),
    signerAddress: reader.string('CERT_SIGNER_ADDRESS', {
      pattern: ADDRESS,
      description: "Address of signer's internal listener.",
    }),
    taskSchedulerAddress: reader.string('CERT_TASK_ADDRESS', {
      pattern: ADDRESS,
      description: "Address of task-scheduler's internal listener.",
    }),
    recoveryAfterMs: reader.duration('CERT_RECOVERY_AFTER', {
      default: 15_000,
      minMs: 100,
      maxMs: 3_600_000,
      description:
        'After how long an open intent is taken for abandoned; longer than any call may take, save in tests.',
    }),
    renewalScanIntervalMs: reader.duration('CERT_RENEWAL_SCAN_INTERVAL', {
      default: 60_000,
      minMs: 1_000,
      maxMs: 86_400_000,
      description: 'How often certificates that are due for renewal are looked for.',
    }),
    renewalConcurrency: reader.integer('CERT_RENEWAL_CONCURRENCY', {
      default: 16,
      min: 1,
      max: 256,
      description: 'Renewal tasks that one process works on at a time.',
    }),
    renewalLeaseMs: reader.duration('CERT_RENEWAL_LEASE', {
      default: 30_000,
      minMs: 2_000,
      maxMs: 600_000,
      description: 'How long a renewal task stays with a process that has died, before another takes it.',
    }),
    crlValidityMs: reader.duration('CERT_CRL_VALIDITY', {
      default: 86_400_000,
      minMs: 600_000,
      maxMs: 864_000_000,
      description: 'From a CRL to its nextUpdate; a new one is published after a quarter of it.',
    }),
  };
  reader.finish();
  return config;
}
