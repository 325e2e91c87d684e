import { expect, test } from 'vitest';
import { sequenceEvents } from '../../application/sequence-events.ts';
import { InMemoryLog } from '../../testing/in-memory-log.ts';
import { sampleEntries } from '../../testing/sample-events.ts';
import { TestWitness } from '../../testing/test-witness.ts';
import { CheckpointJob } from './checkpoint-job.ts';

const RUN = { signal: new AbortController().signal, lease: { fence: 1n } };

function setUp(witness = new TestWitness()) {
  const log = new InMemoryLog();
  const time = { ms: 1_000 };
  const forks: unknown[] = [];
  const published: bigint[] = [];
  const job = new CheckpointJob({
    log,
    checkpoints: log.checkpoints,
    witness,
    elapsedMs: () => time.ms,
    logObserver: {
      appended: () => undefined,
      conflicted: () => undefined,
      unreadable: () => undefined,
      checkpointed: ({ size }) => published.push(size),
      forked: (error) => forks.push(error),
    },
  });
  let next = 1n;
  const append = async (count: bigint) => {
    const entries = sampleEntries('cert', next, next + count - 1n);
    next += count;
    await sequenceEvents(log, { right: { fence: 1n }, next: entries, repeats: [] });
  };
  return { log, time, job, append, witness, forks, published };
}

test('publishes at once at first and after an idle time, and a minute after the last one when nothing happens', async () => {
  const { time, job, append, published } = setUp();
  await job.run(RUN);
  expect(published).toEqual([0n]);
  time.ms += 59_999;
  await job.run(RUN);
  expect(published).toEqual([0n]);
  time.ms += 1;
  await job.run(RUN);
  expect(published).toEqual([0n, 0n]);
  time.ms += 1_000;
  await append(2n);
  const began = performance.now();
  await job.run(RUN);
  expect(performance.now() - began).toBeLessThan(500);
  expect(published).toEqual([0n, 0n, 2n]);
});

test('under load it waits until a second after the last one', async () => {
  const { time, job, append, published } = setUp();
  await job.run(RUN);
  await append(1n);
  time.ms += 900;
  const began = performance.now();
  await job.run(RUN);
  expect(performance.now() - began).toBeGreaterThanOrEqual(95);
  expect(published).toEqual([0n, 1n]);
});

test('a stop ends the wait', async () => {
  const { job, append } = setUp();
  await job.run(RUN);
  await append(1n);
  const stopper = new AbortController();
  const running = job.run({ ...RUN, signal: stopper.signal });
  stopper.abort(new Error('stopped'));
  await expect(running).rejects.toThrow('stopped');
});

test('a fork is told, holds the log and is asked about again after a while', async () => {
  const first = setUp();
  await first.append(5n);
  await first.job.run(RUN);
  const { log, time, job, append, forks, published, witness } = setUp(first.witness);
  await append(2n);
  const asked = () => witness.asked;
  await job.run(RUN);
  expect(forks).toEqual([expect.objectContaining({ code: 'checkpoint-fork' })]);
  expect(log.heldReason).toBeDefined();
  const before = asked();
  time.ms += 9_999;
  await job.run(RUN);
  expect(asked()).toBe(before);
  // The operator brings the log to where its witness is.
  log.heldReason = undefined;
  await append(3n);
  time.ms += 1;
  await job.run(RUN);
  expect(published).toEqual([5n]);
  expect(forks).toHaveLength(1);
});
