import { expect, test } from 'vitest';
import { SingleRun } from './single-run.ts';

function recorded(start: (signal: AbortSignal) => Promise<string>): { run: SingleRun<string>; calls: string[] } {
  const calls: string[] = [];
  const run = new SingleRun({
    start: async (signal) => {
      calls.push('start');
      return await start(signal);
    },
    stop: async (running) => {
      calls.push(`stop ${running}`);
    },
  });
  return { run, calls };
}

test('starts once for many calls, stops once, and starts anew', async () => {
  const { run, calls } = recorded(async () => 'it');
  await run.stop();
  await Promise.all([run.start(), run.start()]);
  await run.start();
  expect(run.current).toBe('it');
  await Promise.all([run.stop(), run.stop()]);
  await run.stop();
  expect(run.current).toBeUndefined();
  await run.start();
  expect(calls).toEqual(['start', 'stop it', 'start']);
});

test('a stop cuts a start short', async () => {
  const { run, calls } = recorded(
    (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  );
  const starting = run.start();
  await run.stop();
  await expect(starting).rejects.toThrow('stopped while starting');
  expect(calls).toEqual(['start']);
});

test('a stop ends what a start brings up that does not heed it, and a start meanwhile waits', async () => {
  const gate = Promise.withResolvers<string>();
  const { run, calls } = recorded(() => gate.promise);
  const starting = run.start();
  const stopping = run.stop();
  const again = run.start();
  gate.resolve('it');
  await Promise.all([starting, stopping, again]);
  expect(calls).toEqual(['start', 'stop it', 'start']);
});

test('a start that failed can be repeated', async () => {
  let fails = true;
  const { run } = recorded(async () => {
    if (fails) throw new Error('no');
    return 'it';
  });
  await expect(run.start()).rejects.toThrow('no');
  fails = false;
  await run.start();
  expect(run.current).toBe('it');
});
