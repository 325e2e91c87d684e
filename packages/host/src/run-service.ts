import { armFailpoint, FAILPOINT_VARIABLE } from '@cert-tasks/failpoint';
import { runProcess, type Service } from '@cert-tasks/lifecycle';
import { createLogger, startTracing } from '@cert-tasks/telemetry';
import type { HostConfig, ServiceName } from './host-config.ts';

const SHUTDOWN_DEADLINE_MS = 25_000;

/** What a service's process is made of. */
export interface RunServiceOptions<Config extends HostConfig> {
  readonly service: ServiceName;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** @throws ConfigError with every problem at once. */
  readonly readConfig: (env: Readonly<Record<string, string | undefined>>) => Config;
  readonly createApp: (config: Config) => Service;
}

/** Runs a service as the process's one purpose: settings, failpoint, tracing, life cycle. MUST be called once, by server.ts. */
export async function runService<Config extends HostConfig>(options: RunServiceOptions<Config>): Promise<never> {
  const { service, env } = options;
  return runProcess({
    name: service,
    log: createLogger({ service, level: 'info' }),
    shutdownDeadlineMs: SHUTDOWN_DEADLINE_MS,
    create: async () => {
      const config = options.readConfig(env);
      armFailpoint({ name: env[FAILPOINT_VARIABLE], nodeEnv: env['NODE_ENV'] });
      const tracing = startTracing({
        service,
        ...(config.otlpEndpoint !== undefined && { otlpEndpoint: config.otlpEndpoint }),
      });
      const app = options.createApp(config);
      return {
        name: app.name,
        start: () => app.start(),
        stop: async () => {
          await app.stop();
          await tracing.stop();
        },
      };
    },
  });
}
