import { expect, test } from 'vitest';
import { WorkGate } from './work-gate.ts';

test('runs as many as it may, in order, and refuses what would wait beyond its bound', async () => {
  const gate = new WorkGate({ what: 'jobs', maxRunning: 2, maxWaiting: 1 });
  const ends = [0, 1, 2].map(() => Promise.withResolvers<void>());
  const started: number[] = [];
  const running = ends.map((end, i) =>
    gate.run(async () => {
      started.push(i);
      await end.promise;
    }),
  );
  await expect(gate.run(async () => undefined)).rejects.toMatchObject({ code: 'overloaded' });
  expect(started).toEqual([0, 1]);
  ends[1]?.resolve();
  await running[1];
  await Promise.resolve();
  expect(started).toEqual([0, 1, 2]);
  for (const end of ends) end.resolve();
  await Promise.all(running);
  await expect(gate.run(async () => 'free again')).resolves.toBe('free again');
});

test('a job that fails gives its place back', async () => {
  const gate = new WorkGate({ what: 'jobs', maxRunning: 1, maxWaiting: 1 });
  await expect(gate.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  await expect(gate.run(async () => 'ran')).resolves.toBe('ran');
});
