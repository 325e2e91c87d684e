import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sampleEntry } from '../testing/sample-events.ts';
import type { LogEntry } from './log-entry.ts';
import { SourceWindow } from './source-window.ts';

const LIMITS = { maxEvents: 10, maxBytes: 1_000_000 };
const PUSHED = { isFromFeed: false };
const READ = { isFromFeed: true };

function window(limits = LIMITS, position = 0n): SourceWindow {
  return new SourceWindow({ source: 'cert', position, limits });
}

function entry(number: bigint, subject = 'a'): LogEntry {
  return sampleEntry({ source: 'cert', number }, { subject });
}

test('holds early events until the missing one comes', () => {
  const held = window();
  for (const number of [3n, 2n]) expect(held.offer(entry(number), PUSHED)).toBe('held');
  expect(held).toMatchObject({ hasGap: true, hasWork: false, heldEnd: 0n });
  held.offer(entry(1n), READ);
  expect(held).toMatchObject({ hasGap: false, hasWork: true, heldEnd: 3n });
  expect(held.take(2).next.map(({ number }) => number)).toEqual([1n, 2n]);
  held.settle(2n, []);
  expect(held.take(9).next.map(({ number }) => number)).toEqual([3n]);
  expect(held).toMatchObject({ position: 2n, heldEnd: 3n });
});

test('the number that the log waits for finds room when nothing else does', () => {
  const held = window({ maxEvents: 4, maxBytes: 1 });
  expect(held.offer(entry(2n), PUSHED)).toBe('held');
  expect(held.offer(entry(3n), PUSHED)).toBe('no-room');
  expect(held.offer(entry(1n), PUSHED)).toBe('held');
  held.settle(2n, []);
  expect(held.offer(entry(3n), PUSHED)).toBe('held');
});

test('what is too far ahead is not held', () => {
  const held = window();
  expect(held.offer(entry(10n), PUSHED)).toBe('held');
  expect(held.offer(entry(11n), PUSHED)).toBe('no-room');
});

test('what comes again is compared once its number is in the log', () => {
  const held = window(LIMITS, 5n);
  const again = entry(5n);
  held.offer(again, PUSHED);
  expect(held.isSettled(again)).toBe(false);
  expect(held.take(9).repeats).toEqual([again]);
  held.settle(5n, [again]);
  expect(held.isSettled(again)).toBe(true);
  expect(held.hasWork).toBe(false);
});

test('of two stories the feed has the first word, and the other is compared after', () => {
  const held = window();
  const [pushed, read] = [entry(1n, 'pushed'), entry(1n, 'read')];
  held.offer(pushed, PUSHED);
  held.offer(read, READ);
  expect(held.take(9)).toEqual({ next: [read], repeats: [] });
  held.settle(1n, []);
  expect(held.take(9)).toEqual({ next: [], repeats: [pushed] });
});

test('of two pushed stories the first is held', () => {
  const held = window();
  const [first, second] = [entry(1n, 'first'), entry(1n, 'second')];
  held.offer(first, PUSHED);
  held.offer(second, PUSHED);
  expect(held.take(9).next).toEqual([first]);
  held.settle(1n, []);
  expect(held.take(9).repeats).toEqual([second]);
});

test('whatever comes in whatever order, each number is taken once and in order', () => {
  const offers = fc.array(fc.bigInt({ min: 1n, max: 30n }), { maxLength: 120 });
  fc.assert(
    fc.property(offers, fc.infiniteStream(fc.integer({ min: 0, max: 4 })), (numbers, sizes) => {
      const held = window();
      const taken: bigint[] = [];
      const takeSome = (limit: number): void => {
        const { next, repeats } = held.take(limit);
        taken.push(...next.map(({ number }) => number));
        held.settle(next.at(-1)?.number ?? held.position, repeats);
      };
      for (const number of numbers) {
        held.offer(entry(number), PUSHED);
        takeSome(sizes.next().value ?? 0);
      }
      // What the pushes left out comes by the feed.
      for (let guard = 0; held.position < 30n && guard < 100; guard++) {
        while (held.heldEnd < 30n && held.offer(entry(held.heldEnd + 1n), READ) === 'held');
        takeSome(5);
      }
      takeSome(200);
      expect(taken).toEqual(Array.from({ length: 30 }, (_, i) => BigInt(i + 1)));
      expect(held).toMatchObject({ hasGap: false, hasWork: false });
      // All room is given back: a window full of bytes would refuse this.
      expect(held.offer(entry(40n), PUSHED)).toBe('held');
    }),
    { numRuns: 100 },
  );
});
