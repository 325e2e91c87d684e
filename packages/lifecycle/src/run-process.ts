import type { ProcessLog } from './process-log.ts';
import type { Service } from './service.ts';

/**
 * A terminal and a parent process often pass the same Ctrl-C on, both. Within this many milliseconds a further signal
 * is taken for an echo of the first.
 */
const SIGNAL_ECHO_MS = 300;

/** Options of {@link runProcess}. */
export interface RunProcessOptions {
  /** Named in the log. */
  readonly name: string;
  /** Builds the service from its settings. What it throws is logged, and the process ends with code 1. */
  readonly create: () => Promise<Service>;
  readonly log: ProcessLog;
  /** Most milliseconds from the first signal to the end of the process. */
  readonly shutdownDeadlineMs: number;
}

/**
 * Runs a service as the process's one purpose, and ends the process.
 *
 * - SIGTERM or SIGINT stops the service: exit code 0 when it stopped cleanly, 1 when it failed to or took longer than
 *   the deadline. It may come while the service still starts. A second signal ends the process at once, with code 1.
 * - With CERT_TASKS_PARENT_PIPE=1 in the environment, standard input is a pipe that the parent holds open and never
 *   needs to write to; its end means that the parent is gone, and stops the service as a signal does.
 * - A service that cannot be created or started, an uncaught exception and an unhandled rejection are logged and end
 *   the process with code 1. After the latter two nothing is stopped in order, since the state is not known any more.
 *
 * Only this function touches the process: services take what they need as arguments. MUST be called once.
 */
export async function runProcess({ name, create, log, shutdownDeadlineMs }: RunProcessOptions): Promise<never> {
  const stopRequest = Promise.withResolvers<'stop-requested'>();
  let firstSignalAt: number | undefined;
  let stopRequested = false;

  const requestStop = (reason: string): void => {
    if (stopRequested) return;
    stopRequested = true;
    log.info({ reason }, `${name} is stopping`);
    setTimeout(() => {
      log.fatal({ shutdownDeadlineMs }, `${name} did not stop in time and is ended`);
      process.exit(1);
    }, shutdownDeadlineMs);
    stopRequest.resolve('stop-requested');
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    if (firstSignalAt !== undefined && now - firstSignalAt >= SIGNAL_ECHO_MS) {
      log.warn({ signal }, `${name} got a second signal and ends at once`);
      process.exit(1);
    }
    firstSignalAt ??= now;
    requestStop(signal);
  };
  const onDefect = (err: unknown, origin: string): void => {
    log.fatal({ err, origin }, `${name} met an error that nothing handles and ends`);
    process.exit(1);
  };

  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  // Unhandled rejections come here as well: Node.js raises them as uncaught exceptions.
  process.on('uncaughtException', onDefect);
  if (process.env['CERT_TASKS_PARENT_PIPE'] === '1') watchParent(() => requestStop('parent process ended'));
  // A service may hold nothing that keeps Node.js running, yet it runs until it is told to stop.
  setInterval(() => undefined, 2 ** 30);

  const began = performance.now();
  const creating = create();
  const starting = creating.then((service) => (stopRequested ? undefined : service.start()));
  try {
    const first = await Promise.race([starting, stopRequest.promise]);
    if (first !== 'stop-requested') {
      log.info({ startMs: Math.round(performance.now() - began) }, `${name} is ready`);
      await stopRequest.promise;
    }
  } catch (err) {
    if (!stopRequested) {
      log.fatal({ err }, `${name} did not start: ${messageOf(err)}`);
      process.exit(1);
    }
  }

  try {
    const service = await creating;
    await service.stop();
    // A start that the stop cut short rejects, and has nothing more to say.
    await starting.catch(() => undefined);
  } catch (err) {
    log.fatal({ err }, `${name} did not stop cleanly: ${messageOf(err)}`);
    process.exit(1);
  }
  log.info({}, `${name} has stopped`);
  process.exit(0);
}

function watchParent(onEnd: () => void): void {
  process.stdin.on('end', onEnd);
  process.stdin.on('close', onEnd);
  process.stdin.on('error', onEnd);
  process.stdin.resume();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
