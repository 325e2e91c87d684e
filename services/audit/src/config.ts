import { EnvReader } from '@cert-tasks/config';
import { type HostConfig, readHostConfig } from '@cert-tasks/host';

/** The settings of the audit service. */
export interface AuditConfig extends HostConfig {
  /** Internal listeners of the services whose events are taken; signer's also signs the checkpoints. */
  readonly addresses: { readonly cert: string; readonly signer: string; readonly task: string };
  /** The log's origin: the first line of every checkpoint (C2SP tlog-checkpoint). */
  readonly logOrigin: string;
}

/**
 * Reads the settings from the environment.
 *
 * @throws ConfigError with every problem at once.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): AuditConfig {
  const reader = new EnvReader(env, { prefix: 'AUDIT_' });
  const host = readHostConfig(reader, { service: 'audit', prefix: 'AUDIT' });
  const config: AuditConfig = {
    ...host,
    addresses: {
      cert: reader.string('AUDIT_CERT_ADDRESS', { description: "host:port of cert's internal listener." }),
      signer: reader.string('AUDIT_SIGNER_ADDRESS', { description: "host:port of signer's internal listener." }),
      task: reader.string('AUDIT_TASK_ADDRESS', { description: "host:port of task-scheduler's internal listener." }),
    },
    logOrigin: reader.string('AUDIT_LOG_ORIGIN', {
      description: 'Name of the log, a URL without its scheme such as example.com/audit; never changed afterwards.',
      pattern: { regExp: /[^\s+\p{Cc}]{1,255}/u, meaning: '1 to 255 characters without spaces and plus signs' },
    }),
  };
  reader.finish();
  return config;
}
