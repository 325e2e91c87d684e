import { expect, test } from 'vitest';
import { formatTraceparent, parseTraceparent } from './traceparent.ts';

// The example of W3C Trace Context, section 3.2.3.
const EXAMPLE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

test('reads and writes the example of the specification', () => {
  const context = parseTraceparent(EXAMPLE);
  expect(context).toEqual({
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: '00f067aa0ba902b7',
    traceFlags: 1,
    isRemote: true,
  });
  expect(context && formatTraceparent(context)).toBe(EXAMPLE);
});

test('reads what a later version appends to', () => {
  expect(parseTraceparent(`cc${EXAMPLE.slice(2)}-what-the-future-brings`)?.spanId).toBe('00f067aa0ba902b7');
});

test.each([
  '',
  'x',
  `ff${EXAMPLE.slice(2)}`,
  `${EXAMPLE}-more`,
  EXAMPLE.toUpperCase(),
  ` ${EXAMPLE}`,
  `${EXAMPLE}\n`,
  '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
  '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
  '00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01',
  `cc${EXAMPLE.slice(2)}-${'x'.repeat(100_000)}`,
])('refuses %.80j', (text) => {
  expect(parseTraceparent(text)).toBeUndefined();
});
