import { expect, test } from 'vitest';
import { TestFeed } from '../../testing/test-feed.ts';
import { PositionJob } from './position-job.ts';

const NEVER = new AbortController().signal;

test('tells each source its position, when it has changed', async () => {
  const [cert, signer] = [new TestFeed('cert'), new TestFeed('signer')];
  const job = new PositionJob({ feeds: [cert, signer] });
  await job.run(NEVER);
  job.reached(new Map([['cert', 3n]]));
  await job.run(NEVER);
  await job.run(NEVER);
  job.reached(
    new Map([
      ['cert', 3n],
      ['signer', 1n],
    ]),
  );
  await job.run(NEVER);
  expect([cert.reported, signer.reported]).toEqual([[3n], [1n]]);
});

test('one that cannot be told keeps no other from being told, and is told later', async () => {
  const [cert, signer] = [new TestFeed('cert'), new TestFeed('signer')];
  const job = new PositionJob({ feeds: [cert, signer] });
  job.reached(
    new Map([
      ['cert', 3n],
      ['signer', 1n],
    ]),
  );
  cert.failure = new Error('away');
  await expect(job.run(NEVER)).rejects.toThrow('away');
  expect(signer.reported).toEqual([1n]);
  cert.failure = undefined;
  await job.run(NEVER);
  expect([cert.reported, signer.reported]).toEqual([[3n], [1n]]);
});
