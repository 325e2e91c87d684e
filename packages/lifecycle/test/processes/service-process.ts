import { writeSync } from 'node:fs';
import { type ProcessLog, runProcess, type Service } from '../../src/index.ts';

/** The process that run-process.int.test.ts starts. Its first argument says how the service behaves. */
const behaviour = process.argv[2] ?? 'well';

const write = (level: string) => (fields: object, message: string) => {
  const { err, ...rest }: { err?: unknown } = { ...fields };
  const cause = err instanceof Error ? err.message : err;
  writeSync(1, `${JSON.stringify({ level, message, ...rest, ...(cause === undefined ? {} : { cause }) })}\n`);
};
const log: ProcessLog = { info: write('info'), warn: write('warn'), fatal: write('fatal') };
const say = (message: string) => write('service')({}, message);
const never = new Promise<void>(() => undefined);

function throwUncaught(): never {
  throw new Error('nobody caught this');
}

const stopped = Promise.withResolvers<void>();

const service: Service = {
  name: 'test service',
  async start() {
    say('starting');
    if (behaviour === 'start-fails') throw new Error('port 8443 is in use');
    if (behaviour === 'start-hangs') await never;
    if (behaviour === 'start-hangs-until-stop') {
      await stopped.promise;
      throw new Error('stopped while starting');
    }
    if (behaviour === 'throws-later') setImmediate(throwUncaught);
    if (behaviour === 'rejects-later') void Promise.reject(new Error('nobody handled this'));
  },
  async stop() {
    say('stopping');
    stopped.resolve();
    if (behaviour === 'stop-fails') throw new Error('could not flush');
    if (behaviour === 'stop-hangs') await never;
  },
};

await runProcess({
  name: 'test',
  log,
  shutdownDeadlineMs: Number(process.argv[3] ?? 10_000),
  create: async () => {
    say('creating');
    if (behaviour === 'create-fails') throw new Error('CERT_PORT is missing');
    if (behaviour === 'create-slow') await new Promise((resolve) => setTimeout(resolve, 200));
    return service;
  },
});
