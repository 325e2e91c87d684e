import { EnvReader } from '@cert-tasks/config';
import { type HostConfig, readHostConfig } from '@cert-tasks/host';

/** The settings of the task-scheduler. Intervals are in milliseconds. */
export interface Config extends HostConfig {
  /** How often leases and deadlines that ran out are looked for. */
  readonly expireIntervalMs: number;
  /** How often schedules that are due are looked for. */
  readonly planIntervalMs: number;
  /** How long a waiting worker goes at most without a look at the table. */
  readonly pollIntervalMs: number;
  /** How often tasks are counted for the metrics. */
  readonly sampleIntervalMs: number;
  /** Most calls, leases or schedules that share one transaction. */
  readonly batchSize: number;
  /** Most calls of a kind that wait for a transaction; further ones are refused. */
  readonly queueSize: number;
}

/** @throws ConfigError 'invalid-settings' with every problem at once. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const reader = new EnvReader(env, { prefix: 'TASK_' });
  const config: Config = {
    ...readHostConfig(reader, { service: 'task-scheduler', prefix: 'TASK' }),
    // Above these, a crashed worker's task would not be back within its lease and a second.
    expireIntervalMs: reader.duration('TASK_EXPIRE_INTERVAL', {
      default: 500,
      minMs: 50,
      maxMs: 800,
      description: 'How often leases and deadlines that ran out are looked for.',
    }),
    planIntervalMs: reader.duration('TASK_PLAN_INTERVAL', {
      default: 500,
      minMs: 50,
      maxMs: 60_000,
      description: 'How often schedules that are due are looked for.',
    }),
    pollIntervalMs: reader.duration('TASK_POLL_INTERVAL', {
      default: 1_000,
      minMs: 50,
      maxMs: 1_000,
      description: 'How long a waiting worker goes at most without a look at the table.',
    }),
    sampleIntervalMs: reader.duration('TASK_SAMPLE_INTERVAL', {
      default: 10_000,
      minMs: 1_000,
      maxMs: 600_000,
      description: 'How often tasks are counted for the metrics.',
    }),
    batchSize: reader.integer('TASK_BATCH_SIZE', {
      default: 250,
      min: 1,
      max: 1_000,
      description: 'Most calls, leases or schedules that share one transaction.',
    }),
    queueSize: reader.integer('TASK_QUEUE_SIZE', {
      default: 10_000,
      min: 100,
      max: 1_000_000,
      description: 'Most calls of a kind that wait for a transaction; further ones are refused.',
    }),
  };
  reader.finish();
  return Object.freeze(config);
}
